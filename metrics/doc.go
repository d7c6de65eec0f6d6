// Package metrics is what Prometheus asks for: counters, gauges and histograms
// of every room, under names that docs/metrics.md lists.
//
// It owns the names, their labels and the form. Counts come from facts as they
// are handed to the journal, and from what the rooms count themselves; they
// are read when somebody asks, the switchboard's picture at most once a
// second. Labels have few values: trunks and teams are the configuration's,
// the others come from closed lists.
//
// Who may call: cmd/trunkline, which hands in the rooms, and shows Handler at
// /metrics. Fact and Behind are called by the switchboard's loop and never
// block.
package metrics
