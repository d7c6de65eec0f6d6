// Trunkline connects a company's SIP trunk to its agents: it terminates the
// carrier's calls, relays and records the sound, and rings agents one at a
// time. One binary, one YAML file, one data folder.
//
// This package is the command line and the wiring: it maps the YAML to the
// rooms, starts and stops them in order, and decides nothing about calls.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime/debug"

	"github.com/alecthomas/kong"

	"trunkline/api"
	"trunkline/config"
)

// The exit codes, which the help tells.
const (
	exitOK         = 0
	exitFailed     = 1 // what was asked did not work
	exitUsage      = 2 // wrong usage, or a configuration with problems
	exitNotRunning = 3 // no switch runs on the data folder
)

func main() {
	os.Exit(run(&terminal{ctx: context.Background(), in: os.Stdin, out: os.Stdout, err: os.Stderr}, os.Args[1:]))
}

// terminal is what a command speaks with.
type terminal struct {
	ctx context.Context
	in  io.Reader
	out io.Writer
	err io.Writer
}

// usageError is wrong usage found after the arguments were parsed.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

// run obeys the arguments and gives the exit code.
func run(t *terminal, args []string) (code int) {
	type exited int
	defer func() {
		if p := recover(); p != nil {
			c, ok := p.(exited)
			if !ok {
				panic(p)
			}
			code = int(c)
		}
	}()
	var c cli
	parser, err := kong.New(&c,
		kong.Name("trunkline"),
		kong.Description(description),
		kong.Writers(t.out, t.err),
		kong.Exit(func(code int) { panic(exited(code)) }), // after --help there is nothing to run
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
	)
	if err != nil {
		panic(err) // the structs below are wrong
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	command, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(t.err, "trunkline: %v\ntrunkline --help lists the commands, trunkline COMMAND --help what one takes\n", err)
		return exitUsage
	}
	return tell(t, command.Run(t))
}

// tell writes what went wrong to the error stream and gives the exit code.
func tell(t *terminal, err error) int {
	var problems config.Problems
	var usage usageError
	var refused *api.Error
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &problems):
		fmt.Fprintln(t.err, problems)
		fmt.Fprintf(t.err, "trunkline: %s\n", count(len(problems), "problem"))
		return exitUsage
	case errors.As(err, &usage):
		fmt.Fprintf(t.err, "trunkline: %v\n", usage)
		return exitUsage
	case errors.Is(err, api.ErrNotRunning):
		fmt.Fprintf(t.err, "trunkline: %v\n", err)
		return exitNotRunning
	case errors.As(err, &refused):
		for _, line := range refused.Details {
			fmt.Fprintln(t.err, line)
		}
		if refused.Status == http.StatusUnprocessableEntity { // the configuration has problems
			fmt.Fprintf(t.err, "trunkline: %v\n", err)
			return exitUsage
		}
	}
	fmt.Fprintf(t.err, "trunkline: %v\n", err)
	return exitFailed
}

// count is a number of things: "1 problem", "2 problems".
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// version is the program's version: the module's, or that of the source it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	text := info.Main.Version
	if text == "" || text == "(devel)" {
		text = "devel"
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && len(s.Value) >= 12 {
				text += "-" + s.Value[:12]
			}
		}
	}
	return text
}
