package main

import (
	"context"
	"fmt"
	"time"

	"trunkline/api"
)

// tokenCmd makes, lists and revokes tokens.
type tokenCmd struct {
	where
	Action string `arg:"" enum:"new,list,revoke" help:"new, list or revoke."`
	Name   string `arg:"" optional:"" help:"new: what it is for. revoke: the token's ID."`
	Scope  string `enum:"wall,agent,supervisor,admin," default:"" help:"new: wall, agent, supervisor or admin."`
	Agent  string `placeholder:"NAME" help:"new: whose it is; the scope is agent then."`
	JSON   bool   `name:"json" help:"As JSON."`
}

// Run does what was asked. The text of a new token is shown this once.
func (c *tokenCmd) Run(t *terminal) error {
	if c.Agent != "" && c.Scope == "" {
		c.Scope = string(api.ScopeAgent)
	}
	switch {
	case c.Action != "list" && c.Name == "":
		return usageError{"a name is missing: trunkline token new NAME --scope supervisor, trunkline token revoke ID"}
	case c.Action == "new" && c.Scope == "":
		return usageError{"what is it good for? give --agent NAME, --scope wall, --scope supervisor or --scope admin"}
	}
	return c.ask(t, func(ctx context.Context, client *api.Client) error {
		switch c.Action {
		case "new":
			made, err := client.MakeToken(ctx, c.Name, api.Scope(c.Scope), c.Agent)
			if err != nil {
				return err
			}
			if c.JSON {
				return writeJSON(t.out, made)
			}
			fmt.Fprintf(t.err, "token %s, scope %s; it is shown this once:\n", made.ID, made.Scope)
			if made.Scope == api.ScopeWall {
				fmt.Fprintln(t.err, "a screen shows the wallboard at /wall.html#TOKEN of the Help Desk's address")
			}
			_, err = fmt.Fprintln(t.out, made.Text)
			return err
		case "revoke":
			if err := client.RevokeToken(ctx, c.Name); err != nil {
				return err
			}
			_, err := fmt.Fprintf(t.out, "token %s is revoked\n", c.Name)
			return err
		}
		all, err := client.Tokens(ctx)
		if err != nil {
			return err
		}
		if c.JSON {
			return writeJSON(t.out, all)
		}
		if len(all) == 0 {
			_, err := fmt.Fprintln(t.out, "no tokens yet")
			return err
		}
		rows := newTable(t.out)
		for _, k := range all {
			rows.row(k.ID, string(k.Scope), k.Agent, k.Made.Local().Format(time.DateTime), k.Name)
		}
		return rows.end()
	})
}
