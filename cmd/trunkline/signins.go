package main

import (
	"strings"
	"time"

	"trunkline/api"
	"trunkline/config"
)

// signIns tells the door who may sign in at the Help Desk, by the
// configuration in force.
func (h *house) signIns() api.SignIns {
	return api.SignIns{
		Account: func(id string) (api.Account, bool) {
			c := h.config()
			if a := c.Agent(id); a != nil {
				return agentAccount(a), true
			}
			if u := c.User(id); u != nil {
				return userAccount(u), true
			}
			return api.Account{}, false
		},
		ByEmail: func(email string) (api.Account, bool) {
			c := h.config()
			for i := range c.Agents {
				if a := &c.Agents[i]; a.Email != "" && strings.EqualFold(a.Email, email) {
					return agentAccount(a), true
				}
			}
			for i := range c.Users {
				if u := &c.Users[i]; u.Email != "" && strings.EqualFold(u.Email, email) {
					return userAccount(u), true
				}
			}
			return api.Account{}, false
		},
		Times: func() (idle, life time.Duration) {
			d := h.config().Desk
			return d.Idle, d.Session
		},
		OpenID: func() api.OpenID {
			o := h.config().Desk.OpenID
			return api.OpenID{Issuer: o.Issuer, ClientID: o.ClientID, ClientSecret: o.ClientSecret.Reveal(), URL: o.URL, Label: o.Label}
		},
	}
}

func agentAccount(a *config.Agent) api.Account {
	return api.Account{ID: a.ID, Name: a.Name, Scope: api.Scope(a.Role), Agent: a.ID, Login: a.Login.Reveal(), Email: a.Email}
}

func userAccount(u *config.User) api.Account {
	return api.Account{ID: u.ID, Name: u.Name, Scope: api.Scope(u.Role), Login: u.Login.Reveal(), Email: u.Email}
}
