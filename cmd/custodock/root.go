package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/internal/message"
	"github.com/custodock/custodock/manifest"
)

// app is one run of the program: what it was given and what its flags say.
type app struct {
	in       io.Reader
	out, err io.Writer
	env      func(string) string
	now      func() time.Time
	reader   func(context.Context, configs.Store) (reader, error) // opens a store for proving

	lang  string
	flags struct {
		config, state, lang  string
		stores               []string
		json, quiet, verbose bool
	}
	cfg        configs.Config
	configFile string // that cfg was loaded from, "" for the defaults
	state      string
	warned     bool // that a daemon has stores of its own
	started    bool // a command runs: what fails from here on is not usage
}

func newApp(in io.Reader, out, err io.Writer, env func(string) string) *app {
	return &app{in: in, out: out, err: err, env: env, now: time.Now, reader: openReader}
}

// run parses and executes; it returns the exit code and has told the error.
func (a *app) run(ctx context.Context, args []string) int {
	a.lang = message.Pick(a.env, langFlag(args))
	root := a.root()
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err != nil && !a.started {
		err = &usageError{err.Error()}
	}
	a.tell(cmd, err)
	return codeOf(err)
}

// tell writes an error that the command has not shown by itself.
func (a *app) tell(cmd *cobra.Command, err error) {
	if err == nil || errors.Is(err, errUnwell) || errors.Is(err, errKept) || errors.Is(err, errGaps) || errors.Is(err, errUnsure) {
		return
	}
	if errors.Is(err, errPartly) {
		if !a.flags.quiet {
			_, _ = fmt.Fprintln(a.err, "custodock: "+a.say("ingest.partly"))
		}
		return
	}
	_, _ = fmt.Fprintln(a.err, "custodock: "+explain(err, a.lang))
	if errors.Is(err, manifest.ErrForked) && !strings.Contains(err.Error(), "recover --new") {
		_, _ = fmt.Fprintln(a.err, a.say("err.forked.do", a.commandLine("log recover")))
	}
	if errors.Is(err, errUsage) {
		_, _ = fmt.Fprintln(a.err, a.say("err.help", cmd.CommandPath()))
	}
}

// langFlag finds --lang before cobra does, because help is written in it.
func langFlag(args []string) string {
	for i, arg := range args {
		if v, ok := strings.CutPrefix(arg, "--lang="); ok {
			return v
		}
		if arg == "--lang" && i+1 < len(args) {
			return args[i+1]
		}
		if arg == "--" {
			break
		}
	}
	return ""
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "custodock",
		Short:         a.say("cmd.root"),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.configure(cmd); err != nil {
				return err
			}
			a.started = true
			return nil
		},
	}
	f := root.PersistentFlags()
	f.StringVar(&a.flags.config, "config", "", a.say("flag.config"))
	f.StringVar(&a.flags.state, "state", "", a.say("flag.state"))
	f.StringArrayVar(&a.flags.stores, "store", nil, a.say("flag.store"))
	f.BoolVar(&a.flags.json, "json", false, a.say("flag.json"))
	f.StringVar(&a.flags.lang, "lang", "", a.say("flag.lang"))
	f.BoolVarP(&a.flags.quiet, "quiet", "q", false, a.say("flag.quiet"))
	f.BoolVarP(&a.flags.verbose, "verbose", "v", false, a.say("flag.verbose"))
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.Version = version()
	root.SetVersionTemplate(versionText() + "\n")
	root.InitDefaultVersionFlag()
	root.Flags().Lookup("version").Usage = a.say("cmd.version")
	root.SetUsageTemplate(a.usageTemplate(root.UsageTemplate()))
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(
		a.initCmd(), a.runCmd(), a.ingestCmd(), a.statusCmd(), a.clipsCmd(), a.showCmd(), a.tagCmd(), a.deviceCmd(), a.bayCmd(),
		a.keyCmd(), a.authorityCmd(), a.logCmd(), a.verifyCmd(), a.exportCmd(), a.receiptCmd(), a.viewCmd(), a.deriveCmd(), a.auditCmd(), a.doctorCmd(), a.witnessCmd(), a.mounterCmd(), a.versionCmd(),
	)
	a.translateHelp(root)
	return root
}

// group is a command that only holds others: alone it shows its help.
func (a *app) group(use string, subs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: a.say("cmd." + use), Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(subs...)
	return cmd
}

// usageTemplate puts the headings of cobra's own template into the language.
func (a *app) usageTemplate(template string) string {
	return strings.NewReplacer(
		"Usage:", a.say("usage.usage"),
		"Examples:", a.say("usage.examples"),
		"Available Commands:", a.say("usage.commands"),
		"Global Flags:", a.say("usage.global"),
		"Flags:", a.say("usage.flags"),
		`Use "{{.CommandPath}} [command] --help" for more information about a command.`,
		fmt.Sprintf(a.say("usage.more"), "{{.CommandPath}} [command] --help"),
	).Replace(template)
}

// translateHelp names the help flag and command of every command.
func (a *app) translateHelp(cmd *cobra.Command) {
	cmd.InitDefaultHelpFlag()
	cmd.Flags().Lookup("help").Usage = a.say("flag.help")
	if cmd.HasSubCommands() && !cmd.HasParent() {
		cmd.InitDefaultHelpCmd()
	}
	for _, sub := range cmd.Commands() {
		if sub.Name() == "help" {
			sub.Short = a.say("cmd.help")
		}
		a.translateHelp(sub)
	}
}

// say is a sentence in the person's language.
func (a *app) say(key string, args ...any) string { return message.T(a.lang, key, args...) }

func (a *app) sayN(key string, n int, args ...any) string {
	return message.N(a.lang, key, n, args...)
}

// logger is the engine's under a short command: silent without -v, because what
// went wrong is told in the command's own words.
func (a *app) logger() *slog.Logger {
	if !a.flags.verbose {
		return slog.New(slog.DiscardHandler)
	}
	return a.daemonLogger()
}

// daemonLogger tells the admin what the daemon does.
func (a *app) daemonLogger() *slog.Logger {
	level := slog.LevelInfo
	switch {
	case a.flags.verbose:
		level = slog.LevelDebug
	case a.flags.quiet:
		level = slog.LevelError
	}
	return slog.New(slog.NewTextHandler(a.err, &slog.HandlerOptions{Level: level}))
}
