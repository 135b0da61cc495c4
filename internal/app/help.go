package app

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// helpWidth is what fits a terminal that nobody made narrow.
const helpWidth = 100

const producerHead = `Usage: producer VERB [flags]

Moves the career sites feed into Kafka: every row bought once and delivered once.
`

const producerTail = `
To start, set (as variable, as flag like --kafka-brokers, or in a YAML file that --config names):
  JOBO_API_KEY_FILE      file that holds the API key of the feed; or JOBO_API_KEY
  KAFKA_BROKERS          default localhost:9092
  REDIS_URL              default redis://localhost:6379/0
  CREDITS_MAX_PER_DAY    what may be spent in a day; a row costs 50 credits, USD 0.05
  LOG_LEVEL, --config    how much is logged; the file with the other settings

  producer settings      lists all settings with their defaults
  producer VERB --help   shows what a verb does and its own flags

Exit codes:
  0  done, or stopped by a signal        3  paused by the wallet or a budget, state kept
  1  failed; the message says how to     4  refused to spend until told how to go on
     mend it                             5  another instance holds the lease and is alive
  2  wrong usage or configuration
`

const enricherHead = `Usage: enricher VERB [flags]

Fetches the full profiles of companies into Kafka: each version fetched once and published once.
`

const enricherTail = `
To start, set (as variable, as flag like --kafka-brokers, or in a YAML file that --config names):
  ENRICH_SELECT          which companies: "fintech" in industries and ats == "greenhouse", or true
                         for all of them; without it only those that are requested
  KAFKA_BROKERS          default localhost:9092
  REDIS_URL              default redis://localhost:6379/0
  JOBO_API_KEY_FILE      file that holds the API key, for its higher request limits; or JOBO_API_KEY
  LOG_LEVEL, --config    how much is logged; the file with the other settings

  enricher settings      lists all settings with their defaults
  enricher VERB --help   shows what a verb does and its own flags
  enricher plan --help   shows the fields of a career site that ENRICH_SELECT may name

Exit codes:
  0  done, or stopped by a signal        2  wrong usage or configuration
  1  failed; the message says how to mend it
`

// helpAsFlag makes "help" and "help VERB" what they mean as flags.
func helpAsFlag(args []string) []string {
	if len(args) == 0 || args[0] != "help" {
		return args
	}
	if slices.Equal(args[1:], []string{"settings"}) {
		return args[1:]
	}
	return append(slices.Clone(args[1:]), "--help")
}

// printHelp implements kong.HelpPrinter.
func (g program) printHelp(_ kong.HelpOptions, ctx *kong.Context) error {
	var b strings.Builder
	if node := ctx.Selected(); node != nil {
		g.verbHelp(&b, node)
	} else {
		b.WriteString(g.head + "\nVerbs:\n")
		for _, verb := range ctx.Model.Children {
			first, _, _ := strings.Cut(verb.Help, ". ")
			columns(&b, 30, verbUsage(verb), strings.TrimSuffix(first, ".")+".")
		}
		b.WriteString(g.tail)
	}
	_, err := io.WriteString(ctx.Stdout, b.String())
	return err
}

// verbUsage is how a verb is written: its words, and what may stand behind it.
func verbUsage(node *kong.Node) string {
	usage := node.Path()
	if len(node.Children) > 0 {
		usage += " " + strings.Join(names(node.Children), "|")
	}
	for _, arg := range node.Positional {
		word := strings.ToUpper(arg.Name)
		if arg.Enum != "" {
			word = strings.ReplaceAll(arg.Enum, ",", "|")
		}
		if arg.Tag.Optional {
			word = "[" + word + "]"
		}
		if arg.IsCumulative() {
			word += "..."
		}
		usage += " " + word
	}
	return usage
}

// verbHelp is the help of one verb: what it does, and what only it takes.
func (g program) verbHelp(b *strings.Builder, node *kong.Node) {
	fmt.Fprintf(b, "Usage: %s %s [flags]\n\n", g.name, verbUsage(node))
	for _, line := range wrap(node.Help, helpWidth) {
		fmt.Fprintln(b, line)
	}
	if len(node.Children) > 0 {
		fmt.Fprintln(b, "\nVerbs:")
		for _, verb := range node.Children {
			columns(b, 30, verbUsage(verb), verb.Help)
		}
	}
	if len(node.Positional)+len(node.Flags) > 0 {
		fmt.Fprintln(b, "\nOf this verb:")
	}
	for _, arg := range node.Positional {
		columns(b, 24, strings.ToUpper(arg.Name), arg.Help)
	}
	for _, flag := range node.Flags {
		columns(b, 24, flagUsage(flag), flagHelp(flag))
	}
	if node.Detail != "" {
		fmt.Fprintf(b, "\n%s\n", strings.TrimSpace(node.Detail))
	}
	fmt.Fprintf(b, "\nAll settings are flags too: %s settings lists them.\n", g.name)
}

func flagUsage(flag *kong.Flag) string {
	usage := "--" + flag.Name
	if flag.Short != 0 {
		usage = "-" + string(flag.Short) + ", " + usage
	}
	if !flag.IsBool() {
		usage += "=" + flag.FormatPlaceHolder()
	}
	return usage
}

// flagHelp is what a flag is and its default: what the program has, never what
// is set.
func flagHelp(flag *kong.Flag) string {
	if !flag.HasDefault {
		return flag.Help
	}
	return flag.Help + " Default " + flag.Default + "."
}

const settingsHead = `A setting has one name: JOBO_BASE_URL in the environment, --jobo-base-url as a flag, and either
as a key of the YAML file that --config names. The flag wins, then the environment, then the file.
`

// printSettings lists all settings, by group.
func printSettings(out io.Writer, model *kong.Application) error {
	var b strings.Builder
	b.WriteString(settingsHead)
	group := ""
	for _, flag := range model.Flags {
		if len(flag.Envs) == 0 {
			continue // --help
		}
		if key := groupOf(flag); key != group {
			group = key
			fmt.Fprintf(&b, "\n%s:\n", group)
		}
		usage := flag.Envs[0]
		if flag.PlaceHolder != "" {
			usage += "=" + flag.PlaceHolder
		}
		columns(&b, 36, usage, flagHelp(flag))
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func groupOf(flag *kong.Flag) string {
	if flag.Group == nil {
		return "File"
	}
	return flag.Group.Key
}

// columns writes what a thing is called and what it is, side by side. A name
// that is too long gets a line of its own.
func columns(b *strings.Builder, left int, name, text string) {
	lines := wrap(text, helpWidth-left-2)
	if len(name) >= left-1 {
		fmt.Fprintf(b, "  %s\n", name)
		name = ""
	}
	for i, line := range lines {
		if i > 0 {
			name = ""
		}
		fmt.Fprintf(b, "  %-*s%s\n", left, name, line)
	}
}

// wrap breaks text into lines of at most width characters.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		line = strings.TrimSpace(line + " " + word)
	}
	return append(lines, line)
}

func names(nodes []*kong.Node) []string {
	var all []string
	for _, node := range nodes {
		all = append(all, node.Name)
	}
	return all
}
