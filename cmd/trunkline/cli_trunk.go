package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"trunkline/api"
)

// trunkCmd is about the carriers.
type trunkCmd struct {
	Status trunkStatusCmd `cmd:"" help:"Say in a line how each trunk is, and why."`
	Test   trunkTestCmd   `cmd:"" help:"Examine a trunk step by step, and say what is wrong and what to do."`
}

// trunkStatusCmd shows the trunks.
type trunkStatusCmd struct {
	where
	Name string `arg:"" optional:"" help:"One trunk. It fails when that is down."`
	JSON bool   `name:"json" help:"As JSON."`
}

// Run asks for the status and shows the trunks of it.
func (c *trunkStatusCmd) Run(t *terminal) error {
	return c.ask(t, func(ctx context.Context, client *api.Client) error {
		s, err := client.Status(ctx)
		if err != nil {
			return err
		}
		if c.Name != "" {
			s.Trunks = slices.DeleteFunc(s.Trunks, func(x api.Trunk) bool { return x.ID != c.Name })
			if len(s.Trunks) == 0 {
				return fmt.Errorf("there is no trunk %s: trunkline trunk status lists them", c.Name)
			}
		}
		if c.JSON {
			err = writeJSON(t.out, s.Trunks)
		} else {
			tab := newTable(t.out)
			trunkRows(tab, s)
			err = tab.end()
		}
		if err == nil && c.Name != "" && !s.Trunks[0].Up {
			err = fmt.Errorf("%s is down", c.Name)
		}
		return err
	})
}

// trunkTestCmd examines a trunk.
type trunkTestCmd struct {
	where
	Name   string `arg:"" help:"The trunk's name in the configuration."`
	Number string `placeholder:"NUMBER" help:"What the test call dials (default: a number of ours, so that it comes back)."`
	NoCall bool   `name:"no-call" help:"No test call."`
	JSON   bool   `name:"json" help:"As JSON, a list of findings."`
}

// Run has the trunk examined and shows each finding as it comes. It fails when
// one is not as it should be.
func (c *trunkTestCmd) Run(t *terminal) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, stop := signal.NotifyContext(t.ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	all, wrong := []api.TrunkFinding{}, 0
	err = client.Examine(ctx, api.TrunkQuestion{Trunk: c.Name, Number: c.Number, NoCall: c.NoCall}, func(f api.TrunkFinding) {
		if all = append(all, f); !f.OK {
			wrong++
		}
		if !c.JSON {
			showFinding(t.out, f)
		}
	})
	if c.JSON && len(all) > 0 {
		if err := writeJSON(t.out, all); err != nil {
			return err
		}
	}
	switch {
	case err != nil:
		return err
	case wrong > 0:
		return fmt.Errorf("%s is not in order: %d of %s failed", c.Name, wrong, count(len(all), "step"))
	}
	if !c.JSON {
		_, err = fmt.Fprintf(t.out, "%s is in order: %s\n", c.Name, count(len(all), "step"))
	}
	return err
}

// showFinding writes one step for people.
func showFinding(w io.Writer, f api.TrunkFinding) {
	mark := "ok"
	if !f.OK {
		mark = "WRONG"
	}
	const indent = "                    "
	fmt.Fprintf(w, "%-5s  %-11s  %s\n", mark, shortStep(f.Step), f.Text)
	for _, d := range f.Details {
		fmt.Fprintf(w, "%s%s\n", indent, d)
	}
	if f.Cure != "" {
		fmt.Fprintf(w, "%scure: %s\n", indent, f.Cure)
	}
}

// shortStep is a step's name in its column.
func shortStep(s string) string {
	s, _, _ = strings.Cut(s, " ")
	return s
}
