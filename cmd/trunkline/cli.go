package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"trunkline/api"
	"trunkline/config"
)

const description = `Connects a SIP trunk to agents: answers, queues, rings one agent at a time, records.

serve, check, explain and when read the configuration; passwd, demo and version need none; the
others speak to the running switch over data_dir/control.sock, which they find by -c or --data-dir.

Exit codes: 0 done; 1 it did not work; 2 wrong usage, or a configuration with problems;
3 no switch is running there.`

// cli is the command line.
type cli struct {
	Serve     serveCmd     `cmd:"" help:"Run the switch, until it is stopped by SIGTERM or Ctrl-C."`
	Check     checkCmd     `cmd:"" help:"Read the configuration and name every problem, with its line and its cure."`
	Explain   explainCmd   `cmd:"" help:"Say where a call would go: trunk, flow, team, and agents in their order, and why."`
	When      whenCmd      `cmd:"" help:"Say which way a flow goes at a time: hours, matches, menus."`
	Call      callCmd      `cmd:"" help:"Place a test call into the running switch, and report its signalling and sound."`
	Status    statusCmd    `cmd:"" help:"Show trunks, agents and their phones, queues and calls."`
	Calls     callsCmd     `cmd:"" help:"Show call cards: the newest, or one in full."`
	Words     wordsCmd     `cmd:"" help:"Show what was said in a call, where recordings are transcribed, or find calls by it."`
	Ladder    ladderCmd    `cmd:"" help:"Draw what the legs of a recent call said: SIP, decisions, sound."`
	Trunk     trunkCmd     `cmd:"" help:"Show how trunks are, or examine one: name, registration, and a call with sound out and back in."`
	Agent     agentCmd     `cmd:"" help:"Set an agent active or away."`
	Queue     queueCmd     `cmd:"" help:"Close a team's queue to new callers, or open it."`
	Unban     unbanCmd     `cmd:"" help:"Hear a banned source again, before its ban ends by itself."`
	Contacts  contactsCmd  `cmd:"" help:"Find, import, export, merge or delete contacts: who calls."`
	Token     tokenCmd     `cmd:"" help:"Make, list or revoke tokens for the HTTP API."`
	Passwd    passwdCmd    `cmd:"" help:"Make the hash of a password for the Help Desk, which the configuration takes as login:."`
	Reload    reloadCmd    `cmd:"" help:"Have the configuration read again. Calls are not touched; a bad file changes nothing."`
	Version   versionCmd   `cmd:"" help:"Show the version."`
	Demo      demoCmd      `cmd:"" help:"Show a whole call on this machine, with a simulated carrier and agents."`
	Callbacks callbacksCmd `cmd:"" help:"Show callbacks, or one; request, call, close or assign one by hand."`
}

// file is the flag of commands that read the configuration.
type file struct {
	Config string `name:"config" short:"c" default:"trunkline.yaml" placeholder:"FILE" help:"The configuration (default trunkline.yaml)."`
}

// read reads the configuration, with what this binary knows.
func (f file) read() (*config.Config, error) { return config.Read(f.Config, checks()) }

// where are the flags of commands that speak to a running switch.
type where struct {
	Config  string `name:"config" short:"c" placeholder:"FILE" help:"The configuration of the switch (default trunkline.yaml)."`
	DataDir string `name:"data-dir" placeholder:"DIR" help:"Its data folder, instead of the configuration."`
}

// client makes a client of the switch that the flags name.
func (w where) client() (*api.Client, error) {
	dir := w.DataDir
	if dir != "" && w.Config != "" {
		return nil, usageError{"-c and --data-dir name the same thing: give one of them"}
	}
	if dir == "" {
		name := w.Config
		if name == "" {
			name = "trunkline.yaml"
			if _, err := os.Stat(name); err != nil {
				return nil, usageError{"there is no trunkline.yaml here: name the configuration with -c, or the data folder with --data-dir"}
			}
		}
		var err error
		if dir, err = config.ReadDataDir(name); err != nil {
			return nil, err
		}
	}
	return api.NewClient(dir), nil
}

// askTimeout bounds a question to the switch.
const askTimeout = 15 * time.Second

// ask runs f with a client of the switch, in bounded time.
func (w where) ask(t *terminal, f func(ctx context.Context, c *api.Client) error) error {
	c, err := w.client()
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.ctx, askTimeout)
	defer cancel()
	return f(ctx, c)
}

// serveCmd runs the switch.
type serveCmd struct {
	file
	Drain time.Duration `default:"30s" help:"How long calls may go on after the first signal; a second signal ends at once."`
	Log   string        `default:"text" enum:"text,json" help:"How log lines are written: text or json."`
	Trace bool          `help:"Log every SIP message. It shows callers' numbers in full."`
}

// callCmd places a test call.
type callCmd struct {
	where
	To   string        `placeholder:"NUMBER" help:"The number to dial (default: the first under numbers:)."`
	From string        `placeholder:"NUMBER" default:"+15550100" help:"The caller's number."`
	For  time.Duration `default:"10s" help:"How long to talk once an agent has answered."`
	Wait time.Duration `default:"2m" help:"How long to wait for an agent."`
}

// demoCmd shows a whole call on this machine.
type demoCmd struct {
	Once bool `help:"End after the call instead of waiting for your own phone."`
}

// statusCmd shows the running switch.
type statusCmd struct {
	where
	JSON bool `name:"json" help:"As JSON."`
}

// Run asks for the status and shows it.
func (c *statusCmd) Run(t *terminal) error {
	return c.ask(t, func(ctx context.Context, client *api.Client) error {
		s, err := client.Status(ctx)
		if err != nil {
			return err
		}
		if c.JSON {
			return writeJSON(t.out, s)
		}
		return showStatus(t.out, s)
	})
}

// callsCmd shows call cards.
type callsCmd struct {
	where
	ID   string `arg:"" optional:"" help:"One call, in full. The last characters of its ID will do."`
	Max  int    `default:"20" help:"How many of the newest (at most 1000)."`
	JSON bool   `name:"json" help:"As JSON."`
}

// Run asks for the cards, or one, and shows them.
func (c *callsCmd) Run(t *terminal) error {
	return c.ask(t, func(ctx context.Context, client *api.Client) error {
		if c.ID == "" {
			cards, err := client.Calls(ctx, c.Max)
			if err != nil {
				return err
			}
			if c.JSON {
				return writeJSON(t.out, cards)
			}
			return showCards(t.out, cards, time.Local)
		}
		id, err := callID(ctx, client, c.ID)
		if err != nil {
			return err
		}
		card, err := client.Call(ctx, id)
		if err != nil {
			return err
		}
		if c.JSON {
			return writeJSON(t.out, card)
		}
		return showCard(t.out, card, time.Local)
	})
}

// idLength is the length of a call's ID, a ULID.
const idLength = 26

// callID finds a call's ID by the end of it, among the newest.
func callID(ctx context.Context, client *api.Client, end string) (string, error) {
	id := strings.ToUpper(end)
	if len(id) >= idLength {
		return id, nil
	}
	cards, err := client.Calls(ctx, 1000)
	if err != nil {
		return "", err
	}
	var found []string
	for _, card := range cards {
		if strings.HasSuffix(string(card.ID), id) {
			found = append(found, string(card.ID))
		}
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("no call among the newest 1000 ends in %s: trunkline calls lists them", id)
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("%d calls end in %s: give more of the ID", len(found), id)
}

// agentCmd sets an agent's status.
type agentCmd struct {
	where
	Name   string   `arg:"" help:"The agent's name in the configuration."`
	Status string   `arg:"" enum:"active,away" help:"active or away."`
	Reason []string `arg:"" optional:"" help:"Why away, such as lunch."`
}

// Run sets the status and says what it is now.
func (c *agentCmd) Run(t *terminal) error {
	reason := strings.Join(c.Reason, " ")
	if c.Status == "active" && reason != "" {
		return usageError{"an active agent has no reason: leave it out"}
	}
	return c.ask(t, func(ctx context.Context, client *api.Client) error {
		a, err := client.SetAgent(ctx, c.Name, c.Status == "active", reason)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(t.out, "%s is %s\n", a.ID, agentState(a))
		return err
	})
}

// unbanCmd ends a ban.
type unbanCmd struct {
	where
	Address string `arg:"" help:"The source, as status shows it."`
}

// Run asks for it.
func (c *unbanCmd) Run(t *terminal) error {
	return c.ask(t, func(ctx context.Context, client *api.Client) error {
		u, err := client.Unban(ctx, c.Address)
		if err == nil {
			_, err = fmt.Fprintf(t.out, "%s is heard again\n", u.Source)
		}
		return err
	})
}

// reloadCmd has the configuration read again.
type reloadCmd struct {
	where
}

// Run asks for the reload and says what changed.
func (c *reloadCmd) Run(t *terminal) error {
	return c.ask(t, func(ctx context.Context, client *api.Client) error {
		changes, err := client.Reload(ctx)
		if err != nil {
			return err
		}
		return showChanges(t.out, changes)
	})
}

// versionCmd shows the version.
type versionCmd struct{}

// Run shows the version.
func (versionCmd) Run(t *terminal) error {
	_, err := fmt.Fprintf(t.out, "trunkline %s (%s, %s/%s)\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
