package app

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// program is one of the two programs as its command line shows it.
type program struct {
	name string
	// head and tail stand around the list of verbs in its help.
	head, tail string
	// words are what the texts that both programs have say differently.
	words kong.Vars
}

// line is a command line that was understood.
type line struct {
	verb  string // such as "sync" or "state reset"
	model *kong.Application
}

// commonVerbs are those that both programs have.
type commonVerbs struct {
	Topics  topicsVerbs  `cmd:"" help:"Create the topics, or compare them with what they should be."`
	Schemas schemasVerbs `cmd:"" help:"Register the Avro schema of what is published, or compare it with what is registered."`
	Check   checkVerb    `cmd:"" help:"Check each dependency, with cause and fix; it ${harmless}."`
	Shell   completeVerb `cmd:"" name:"completion" help:"Print the completion script of a shell."`
	List    struct{}     `cmd:"" name:"settings" help:"List all settings with their defaults."`
	Number  struct{}     `cmd:"" name:"version" help:"Print the version."`
}

type topicsVerbs struct {
	Apply struct {
		DryRun bool `help:"Only print what would be done."`
	} `cmd:"" help:"Create the topics that are missing and set what differs."`
	Check struct{} `cmd:"" help:"Print how the topics differ from what they should be."`
}

type checkVerb struct {
	Live bool `help:"Only ask the one that runs on this machine, at LISTEN, whether it is alive: for the health check of a container."`
}

type schemasVerbs struct {
	Push  struct{} `cmd:"" help:"Register the schema, and make its subject FULL_TRANSITIVE."`
	Check struct{} `cmd:"" help:"Say whether the schema is registered, or could be; it changes nothing."`
	Diff  struct{} `cmd:"" help:"Print how the schema differs from the one that was registered last."`
}

type completeVerb struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

type statusVerb struct {
	Output string `short:"o" enum:"table,json" default:"table" placeholder:"FORMAT" help:"table or json."`
}

// aside reports whether the verb is one for which it does not matter what is
// set, or wrong: support asks for them first.
func (l *line) aside() bool {
	return slices.Contains([]string{"version", "settings", "completion"}, l.verb)
}

// say does what such a verb says.
func (l *line) say(env Env, shell string) error {
	switch l.verb {
	case "settings":
		return printSettings(env.Stdout, l.model)
	case "completion":
		return printCompletion(env.Stdout, l.model, shell)
	}
	_, err := fmt.Fprintln(env.Stdout, l.model.Name, env.Version)
	return err
}

// parse reads a command line into cli, which has the verbs and the settings. It
// returns no line where help was asked for and given, and what is wrong with the
// file of settings, which is no reason to stop looking. Its error is a
// *UsageError.
func (g program) parse(env Env, cli any) (*line, []error, error) {
	source := &sources{lookup: env.lookup}
	helped := false
	parser, err := kong.New(cli,
		kong.Name(g.name), kong.Writers(env.Stdout, env.Stderr), kong.Resolvers(source), g.words,
		kong.Exit(func(int) { helped = true }), kong.Help(g.printHelp),
		kong.NamedMapper("switch", switchMapper{}), kong.NamedMapper("secret", secretMapper{}),
	)
	if err != nil {
		return nil, nil, fmt.Errorf("command line of the %s: %w", g.name, err)
	}
	args := helpAsFlag(env.Args)
	problems := source.open(env)
	if len(args) == 0 && len(problems) == 0 {
		return nil, nil, &UsageError{Problems: []error{errors.New("no verb given: expected one of " + strings.Join(names(parser.Model.Children), ", ") + "; " + g.name + " --help shows them")}}
	}
	kctx, err := parser.Parse(args)
	if helped {
		return nil, nil, nil
	}
	if err != nil {
		problems = append(problems, unknownFlags(parser, args, err)...)
		last := len(problems) - 1
		problems[last] = fmt.Errorf("%w; %s --help shows the verbs, %s settings the settings", problems[last], g.name, g.name)
		return nil, nil, &UsageError{Problems: problems}
	}
	return &line{verb: kctx.Selected().Path(), model: parser.Model}, problems, nil
}

// settingNames are the names of the settings of both programs: one file may hold
// them all, and each program passes over those of the other.
func settingNames() []string {
	var all []string
	for _, of := range []reflect.Type{reflect.TypeFor[producerSettings](), reflect.TypeFor[enricherSettings]()} {
		for _, field := range reflect.VisibleFields(of) {
			if name := field.Tag.Get("name"); name != "" && !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	return all
}

// unknownFlags returns err, or if it is a flag that there is not, one error for
// each such flag: kong stops at the first. What stands behind such a flag is left
// out, it may be its value.
func unknownFlags(parser *kong.Kong, args []string, err error) []error {
	var all []error
	for args = slices.Clone(args); ; {
		text, unknown := strings.CutPrefix(fmt.Sprint(err), "unknown flag ")
		name, _, _ := strings.Cut(text, ",")
		i := slices.IndexFunc(args, func(arg string) bool { return arg == name || strings.HasPrefix(arg, name+"=") })
		if !unknown || i < 0 {
			break
		}
		all = append(all, err)
		end := i + 1
		if end < len(args) && args[i] == name && !strings.HasPrefix(args[end], "-") && !slices.Contains(names(parser.Model.Children), args[end]) {
			end++
		}
		args = slices.Delete(args, i, end)
		kctx, failed := kong.Trace(parser, args) // and not Parse, which would give the help too
		if failed != nil || kctx.Error == nil {
			break
		}
		err = kctx.Error
	}
	if len(all) == 0 {
		return []error{err}
	}
	return all
}
