package routing

import "time"

// Router hands out work.
type Router struct{ now time.Time }

// Snapshot is the whole state of a Router.
type Snapshot struct{ Version int }

// Explanation says why a work is, or would be, offered to whom.
type Explanation struct{ Work WorkID }

func New(cfg Config) *Router                                              { return &Router{} }
func Restore(cfg Config, s Snapshot) (*Router, error)                     { return New(cfg), nil }
func (r *Router) Step(now time.Time, ev Event) []Command                  { return nil }
func (r *Router) Deadline() time.Time                                     { return time.Time{} }
func (r *Router) Snapshot() Snapshot                                      { return Snapshot{} }
func (r *Router) Explain(now time.Time, w WorkID) (Explanation, bool)     { return Explanation{}, false }
func (r *Router) ExplainTeam(now time.Time, t TeamID) (Explanation, bool) { return Explanation{}, false }
func (r *Router) Agents(now time.Time) []AgentView                        { return nil }
func (r *Router) Waiting(now time.Time) []WorkView                        { return nil }
func (r *Router) Open() []Held                                            { return nil }
func (r *Router) Check() error                                            { return nil }

// FlowRun is one caller's stay on a flow.
type FlowRun struct{ Flow Flow }

func StartFlow(f Flow) FlowRun                                        { return FlowRun{Flow: f} }
func (r *FlowRun) Step(now time.Time, ev FlowEvent) []FlowCommand     { return nil }
func (r *FlowRun) Deadline() time.Time                                { return time.Time{} }
func EncodeEvent(ev Event) ([]byte, error)                            { return nil, nil }
func DecodeEvent(b []byte) (Event, error)                             { return nil, nil }
