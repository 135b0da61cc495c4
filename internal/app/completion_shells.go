package app

import (
	"fmt"
	"strings"
)

// Both scripts walk the words before the cursor to the place where it is, then
// look whether a flag waits for its value, and offer what may stand there.

func bashCompletion(name string, spots []spot) string {
	offer := func(words []string) string {
		return fmt.Sprintf(`COMPREPLY+=($(compgen -W '%s' -- "$cur")); `, strings.Join(words, " "))
	}
	// Names with blanks stay whole; bash 3 has no compopt and does without.
	const files = `compopt -o filenames 2>/dev/null; local IFS=$'\n'; COMPREPLY+=($(compgen -f -- "$cur")); `
	return `# Completion of ` + name + ` in bash. Load it with
#   source <(` + name + ` completion bash)
_` + name + `() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} eq= at= i
  # bash takes an equals sign for a word of its own.
  if [[ $cur == = ]]; then
    cur= eq=1
  elif [[ $prev == = ]]; then
    prev=${COMP_WORDS[COMP_CWORD-2]} eq=1
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    if [[ ${COMP_WORDS[i+1]} == = ]]; then
      ((i += 2))
      continue
    fi
    case ${COMP_WORDS[i]} in
      ` + valued(spots) + `) ((i++)); continue ;;
    esac
    case ${at}:${COMP_WORDS[i]} in
` + transitions(spots) + `    esac
  done
  COMPREPLY=()
  case ${at}:${prev} in
` + valueArms(spots, offer, files) + `  esac
  if [[ $cur == -* ]]; then
    case $at in
` + flagArms(spots, offer) + `    esac
    ` + offer(longs(spots[0].flags)) + `
    return
  fi
  case $at in
` + placeArms(spots, offer, files) + `  esac
}
complete -F _` + name + ` ` + name + `
`
}

func zshCompletion(name string, spots []spot) string {
	offer := func(words []string) string { return "compadd -- " + strings.Join(words, " ") + "; " }
	const files = "_files; "
	return `#compdef ` + name + `
# Completion of ` + name + ` in zsh. Load it with
#   source <(` + name + ` completion zsh)
# or as a file _` + name + ` in a folder of fpath.
_` + name + `() {
  local cur=${words[CURRENT]} prev=${words[CURRENT-1]} eq= at= i
  if [[ $cur == --*=* ]]; then
    prev=${cur%%=*} cur=${cur#*=} eq=1
    compset -P '*='
  fi
  for ((i = 2; i < CURRENT; i++)); do
    case ${words[i]} in
      ` + valued(spots) + `) ((i++)); continue ;;
    esac
    case ${at}:${words[i]} in
` + transitions(spots) + `    esac
  done
  case ${at}:${prev} in
` + valueArms(spots, offer, files) + `  esac
  if [[ $cur == -* ]]; then
    case $at in
` + flagArms(spots, offer) + `    esac
    ` + offer(longs(spots[0].flags)) + `
    return
  fi
  case $at in
` + placeArms(spots, offer, files) + `  esac
}
if [[ ${funcstack[1]} == _` + name + ` ]]; then
  _` + name + ` "$@"
else
  compdef _` + name + ` ` + name + `
fi
`
}

func fishCompletion(name string, spots []spot) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Completion of %[1]s in fish. Load it with\n#   %[1]s completion fish | source\ncomplete -c %[1]s -f\n", name)
	for _, s := range spots {
		at := fishAt(s)
		for _, next := range s.next {
			fmt.Fprintf(&b, "complete -c %s%s -a %s -d %s\n", name, at, next.text, fishQuote(next.help))
		}
		if s.args != nil {
			fmt.Fprintf(&b, "complete -c %s%s -a %s\n", name, at, fishQuote(strings.Join(s.args, " ")))
		}
		if s.files {
			fmt.Fprintf(&b, "complete -c %s%s -F\n", name, at)
		}
		if len(s.verbs) == 0 {
			at = "" // these flags may stand everywhere
		}
		for _, o := range s.flags {
			fmt.Fprintf(&b, "complete -c %s%s%s\n", name, at, fishFlag(o))
		}
	}
	return b.String()
}

// fishAt is the condition that the cursor is at s.
func fishAt(s spot) string {
	if len(s.verbs) == 0 {
		return " -n __fish_use_subcommand"
	}
	var seen []string
	for _, verb := range s.verbs {
		seen = append(seen, "__fish_seen_subcommand_from "+verb)
	}
	if len(s.next) > 0 {
		var next []string
		for _, n := range s.next {
			next = append(next, n.text)
		}
		seen = append(seen, "not __fish_seen_subcommand_from "+strings.Join(next, " "))
	}
	return " -n " + fishQuote(strings.Join(seen, "; and "))
}

func fishFlag(o option) string {
	text := " -l " + o.long
	if o.short != "" {
		text += " -s " + o.short
	}
	switch {
	case o.values != nil && !o.bare:
		text += " -x -a " + fishQuote(strings.Join(o.values, " "))
	case o.files:
		text += " -r -F"
	case !o.bare:
		text += " -x"
	}
	return text + " -d " + fishQuote(o.help)
}

func fishQuote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
}
