// Package api is the HTTP door: orders in, views out.
//
// It stands on two kinds of sockets. The control socket, data_dir/control.sock,
// is for the operator: who can open it (mode 0600, in a directory of mode
// 0700) may do everything. TCP listeners serve the last three.
// All bodies are JSON; a refusal is {"error": what is wrong, "cure": what
// would be right}.
//
//	GET  /status                  trunks, agents and phones, queues, calls
//	GET  /calls?max=20            call cards, newest first
//	GET  /calls/{id}              one call card
//	GET  /calls/{id}/ladder       what its legs said, while it is kept
//	POST /agents/{name}/status    {"active": false, "reason": "lunch"}
//	DELETE /bans/{address}        end the bans of an address
//	POST /reload                  read the configuration again
//	POST /test-call               a credential for one test call
//	GET  /explain?to=&from=&at=   where a call would go now, and why
//	GET  /version                 what runs
//	GET  /healthz                 200 while calls are taken
//	GET  /readyz                  200 while they can be served: sockets, disk
//	GET  /metrics                 figures for Prometheus, from this machine alone
//
// Both serve the API under /v1 as well: over TCP to holders of bearer tokens,
// over the control socket to the operator. docs/api.md and docs/openapi.json
// describe it; its errors are problems (RFC 9457). Nothing of it can hold up
// the switchboard: pictures of it are shared, facts are read from a list or
// from the journal, and whoever does not read is dropped.
//
// It owns the wire types (Status, Card, …), which stay as they are when rooms
// change inside, and Client, which the command line uses.
//
// cmd/trunkline starts it; nobody else calls it.
//
// Caveats: a Door is claimed by a lock that the kernel releases when the
// process ends, so a control.sock left by a crash is replaced; the lock does
// not work on network file systems, and neither does the store.
package api
