package main

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"

	"trunkline/api"
	"trunkline/config"
	"trunkline/sip"
)

// checkCmd reads the configuration and says what is wrong with it.
type checkCmd struct {
	file
}

// Run checks the file, and the ports it names unless a switch has them.
func (c *checkCmd) Run(t *terminal) error {
	cfg, err := c.read()
	if err != nil {
		return err
	}
	for _, w := range cfg.Warnings {
		fmt.Fprintf(t.err, "warning: %v\n", w)
	}
	if !running(cfg) {
		if err := probe(cfg); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(t.out, "%s is good: %s, %s, %s, %s, %s\n", cfg.File,
		count(len(cfg.Trunks), "trunk"), count(len(cfg.Numbers), "number"), count(len(cfg.Flows), "flow"),
		count(len(cfg.Teams), "team"), count(len(cfg.Agents), "agent"))
	return err
}

// running says whether a switch runs on the data folder: then the ports are its own.
func running(cfg *config.Config) bool {
	conn, err := net.Dial("unix", filepath.Join(cfg.Data(), api.Socket))
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// probe opens each listener for a moment, and names the line of the file for
// those that cannot be opened.
func probe(cfg *config.Config) error {
	var problems config.Problems
	for i, url := range cfg.Listen.SIP {
		sockets, err := sip.Listen([]string{url})
		sockets.Close()
		if err != nil {
			problems = append(problems, cfg.Problem(fmt.Sprintf("listen.sip[%d]", i), err.Error()))
		}
	}
	for i, url := range cfg.Listen.HTTP {
		all, err := api.ListenTCP([]string{url})
		for _, l := range all {
			l.Close()
		}
		if err != nil {
			problems = append(problems, cfg.Problem(fmt.Sprintf("listen.http[%d]", i), strings.TrimPrefix(err.Error(), "listen.http: ")))
		}
	}
	if len(problems) > 0 {
		return problems
	}
	return nil
}
