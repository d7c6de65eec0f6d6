package config

import (
	"reflect"
	"regexp"
	"strings"
	"time"
)

// Controls is what agents can do with calls, by order and by their phones' keys.
type Controls struct {
	// How long a number rings that a call is transferred to.
	TransferRing time.Duration `yaml:"transfer_ring"`
	// A paused recording goes on by itself after this; 0s: by hand alone.
	PauseFor time.Duration `yaml:"pause_for"`
	// Both sides hear a short tone when a recording is paused and goes on.
	PauseTone bool `yaml:"pause_tone"`
	// What agents press during a call; "" switches one off.
	Keys Keys `yaml:"keys"`
	// What agents dial; "" switches one off.
	Codes Codes `yaml:"codes"`
	// Supervisors who watch calls.
	Watch Watch `yaml:"watch"`
}

// Watch is about supervisors who listen to calls, whisper to their agents, or talk along.
type Watch struct {
	// The agent hears a short tone when somebody begins to watch.
	Tone bool `yaml:"tone"`
	// The agent's Help Desk says that somebody watches.
	Show bool `yaml:"show"`
	// What a supervisor presses while watching; "" switches one off.
	Keys WatchKeys `yaml:"keys"`
}

// WatchKeys are pressed while a call is watched, on the supervisor's phone.
type WatchKeys struct {
	// Nobody hears the supervisor.
	Listen string `yaml:"listen"`
	// The agent alone does.
	Whisper string `yaml:"whisper"`
	// All do.
	Barge string `yaml:"barge"`
}

// Keys are pressed during a call. Only those of the agent's phone count.
type Keys struct {
	// Pauses the recording, and again goes on.
	Pause string `yaml:"pause"`
	// Transfers at once: then a number, extension and #.
	Transfer string `yaml:"transfer"`
	// Asks somebody first: then a number, extension and #.
	Ask string `yaml:"ask"`
	// Changes between the customer and who was asked.
	Swap string `yaml:"swap"`
	// Lets all three hear each other.
	Merge string `yaml:"merge"`
	// Leaves the customer with who was asked.
	Complete string `yaml:"complete"`
	// Takes the transfer back.
	Cancel string `yaml:"cancel"`
	// Holds the customer, and again goes on.
	Hold string `yaml:"hold"`
}

// Codes are dialled.
type Codes struct {
	// Sets the agent active; also ends wrap-up early.
	Active string `yaml:"active"`
	// Sets the agent away.
	Away string `yaml:"away"`
	// Ends wrap-up.
	WrapUp string `yaml:"wrap_up"`
	// Takes the call that waits longest in the agent's teams.
	Pickup string `yaml:"pickup"`
	// Takes a lost call back.
	Reclaim string `yaml:"reclaim"`
	// Says what it hears.
	Echo string `yaml:"echo"`
	// Plays the messages of the agent and of the agent's teams.
	Voicemail string `yaml:"voicemail"`
	// With an agent's extension behind it: listens to the agent's call. For supervisors.
	Listen string `yaml:"listen"`
	// The same, heard by the agent.
	Whisper string `yaml:"whisper"`
	// The same, heard by all.
	Barge string `yaml:"barge"`
}

var (
	keys = regexp.MustCompile(`^[*#][0-9*#]{0,5}$`)
	mode = regexp.MustCompile(`^[0-9*#]$`)
	code = regexp.MustCompile(`^\*[0-9*]{1,7}$`)
)

// checkControls holds keys and codes apart, so that none is the beginning of
// another.
func (r *reader) checkControls(c *Config) {
	k := c.Controls
	r.atLeast("controls.transfer_ring", k.TransferRing, 5*time.Second)
	r.distinct("controls.keys", reflect.ValueOf(k.Keys), keys, "%q is no key: write * or #, and up to 5 more of 0-9*#, such as \"*1\"")
	r.distinct("controls.codes", reflect.ValueOf(k.Codes), code, "%q is no code: write * and 1 to 7 digits, such as \"*41\"")
	r.distinct("controls.watch.keys", reflect.ValueOf(k.Watch.Keys), mode, "%q is no key: write one of 0-9*#, such as \"5\"")
}

func (r *reader) distinct(at string, v reflect.Value, form *regexp.Regexp, wrong string) {
	for i := range v.NumField() {
		text, key := v.Field(i).String(), join(at, v.Type().Field(i).Tag.Get("yaml"))
		if text == "" {
			continue
		}
		if !form.MatchString(text) {
			r.fail(key, wrong, text)
			continue
		}
		for j := range i {
			other := v.Field(j).String()
			if other != "" && (strings.HasPrefix(text, other) || strings.HasPrefix(other, text)) {
				r.fail(key, "%s cannot be told from %s of %s: choose another", text, other, v.Type().Field(j).Tag.Get("yaml"))
			}
		}
	}
}
