package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"trunkline/api"
)

// passwdCmd makes the hash of a password for the Help Desk.
type passwdCmd struct{}

// Run reads a password, twice where a person types it, and prints what login:
// in the configuration takes. The password itself is shown nowhere.
func (c *passwdCmd) Run(t *terminal) error {
	password, err := typedPassword(t)
	if err != nil {
		return err
	}
	hash, err := api.HashPassword(password)
	if errors.Is(err, api.ErrPassword) {
		return usageError{err.Error()}
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(t.err, "write this into the configuration, as login: in quotes, at the agent or user:")
	_, err = fmt.Fprintf(t.out, "%q\n", hash)
	return err
}

// typedPassword reads a line from the terminal without showing it, or from a pipe.
func typedPassword(t *terminal) (string, error) {
	in, typed := t.in.(*os.File)
	if !typed || !term.IsTerminal(int(in.Fd())) {
		line, err := bufio.NewReader(io.LimitReader(t.in, 2*api.MaxPassword)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", err
		}
		return strings.TrimRight(line, "\r\n"), nil
	}
	ask := func(what string) (string, error) {
		fmt.Fprint(t.err, what)
		text, err := term.ReadPassword(int(in.Fd()))
		fmt.Fprintln(t.err)
		return string(text), err
	}
	first, err := ask("Password for the Help Desk: ")
	if err != nil {
		return "", err
	}
	again, err := ask("Once more: ")
	if err == nil && again != first {
		err = usageError{"the two differ: nothing was made"}
	}
	return first, err
}
