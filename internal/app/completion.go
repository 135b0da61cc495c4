package app

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// printCompletion writes the script that completes the program in a shell.
func printCompletion(out io.Writer, model *kong.Application, shell string) error {
	spots := walk(model.Node)
	script := bashCompletion(model.Name, spots)
	switch shell {
	case "zsh":
		script = zshCompletion(model.Name, spots)
	case "fish":
		script = fishCompletion(model.Name, spots)
	}
	_, err := io.WriteString(out, script)
	return err
}

// spot is a place on the command line: behind these verbs.
type spot struct {
	verbs []string // none at the top
	// next are the verbs that may follow, args the values of an argument; files
	// says that an argument is a file.
	next  []word
	args  []string
	files bool
	// flags are those that only this place has; the top's may stand everywhere.
	flags []option
}

// word is something to type and what it means.
type word struct{ text, help string }

// option is a flag.
type option struct {
	long, short, help string
	// values are what it may be set to, as far as there is a list. files says that
	// it is a file, alone that no value has to follow.
	values      []string
	files, bare bool
}

func (s spot) path() string { return strings.Join(s.verbs, " ") }

// spellings are the ways to write the flag.
func (o option) spellings() []string {
	if o.short == "" {
		return []string{"--" + o.long}
	}
	return []string{"--" + o.long, "-" + o.short}
}

// walk lists all places of a command line, the top first.
func walk(node *kong.Node, verbs ...string) []spot {
	here := spot{verbs: verbs}
	for _, flag := range node.Flags {
		here.flags = append(here.flags, optionOf(flag))
	}
	for _, arg := range node.Positional {
		switch {
		case arg.Enum != "":
			here.args = strings.Split(arg.Enum, ",")
		case arg.Name == "file":
			here.files = true
		}
	}
	var below []spot
	for _, child := range node.Children {
		here.next = append(here.next, word{child.Name, child.Help})
		below = append(below, walk(child, append(slices.Clone(verbs), child.Name)...)...)
	}
	return append([]spot{here}, below...)
}

func optionOf(flag *kong.Flag) option {
	o := option{long: flag.Name, help: flag.Help, bare: flag.IsBool(), files: flag.PlaceHolder == "FILE"}
	if flag.Short != 0 {
		o.short = string(flag.Short)
	}
	switch list := flag.Tag.Get("complete"); {
	case list == "reasons":
		o.values = reasons()
	case list != "":
		o.values = strings.Split(list, ",")
	case flag.Enum != "":
		o.values = strings.Split(flag.Enum, ",")
	case flag.Tag.Type == "switch":
		o.values = []string{"true", "false"}
	}
	return o
}

// transitions are the shell's case arms from a place and a verb to the next place.
func transitions(spots []spot) string {
	var b strings.Builder
	for _, s := range spots {
		for _, next := range s.next {
			to := strings.TrimSpace(s.path() + " " + next.text)
			fmt.Fprintf(&b, "      '%s:%s') at='%s' ;;\n", s.path(), next.text, to)
		}
	}
	return b.String()
}

// valued are the patterns of flags that the next word belongs to.
func valued(spots []spot) string {
	var all []string
	for _, s := range spots {
		for _, o := range s.flags {
			if !o.bare {
				all = append(all, o.spellings()...)
			}
		}
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), "|")
}

// valueArms are the case arms of what may follow a flag: words that offer makes
// of a list, files where it is one, nothing where only the user knows.
func valueArms(spots []spot, offer func(words []string) string, files string) string {
	var b strings.Builder
	for _, s := range spots {
		for _, o := range s.flags {
			does := ""
			switch {
			case o.values != nil:
				does = offer(o.values)
			case o.files:
				does = files
			case o.bare:
				continue
			}
			for _, spelling := range o.spellings() {
				at := s.path()
				if at == "" {
					at = "*"
				} else {
					at = "'" + at + "'"
				}
				fmt.Fprintf(&b, "    %s:%s) %s", at, spelling, does)
				if o.bare { // the next word may be something else
					b.WriteString("[[ -n $eq ]] && return ;;\n")
				} else {
					b.WriteString("return ;;\n")
				}
			}
		}
	}
	return b.String()
}

// placeArms are the case arms of what may stand at a place.
func placeArms(spots []spot, offer func(words []string) string, files string) string {
	var b strings.Builder
	for _, s := range spots {
		var words []string
		for _, next := range s.next {
			words = append(words, next.text)
		}
		words = append(words, s.args...)
		does := ""
		if words != nil {
			does = offer(words)
		}
		if s.files {
			does += files
		}
		fmt.Fprintf(&b, "    '%s') %s;;\n", s.path(), does)
	}
	return b.String()
}

// flagArms are the case arms of the flags at a place, and the words of those that
// may stand everywhere.
func flagArms(spots []spot, offer func(words []string) string) string {
	var b strings.Builder
	for _, s := range spots[1:] {
		if len(s.flags) > 0 {
			fmt.Fprintf(&b, "      '%s') %s;;\n", s.path(), offer(longs(s.flags)))
		}
	}
	return b.String()
}

func longs(flags []option) []string {
	var words []string
	for _, o := range flags {
		words = append(words, o.spellings()[0])
	}
	return words
}
