// Package mail sends mails with a sound attached by an SMTP server (RFC 5321), at least once, over restarts.
//
// A mail is written to the queue's folder before Send returns; one goroutine, Run, sends what lies there. What the server
// refuses for now (4yz), or does not answer, is tried again, at first after a minute and then ever more seldom, for three
// days; what it refuses for good (5yz) is given up at once. Both are said in the log. The attachment is read when the mail is
// sent: it is the file's as it is then, as one channel; a mail whose file is gone is given up.
//
// TLS from the start on port 465 (RFC 8314 §3.3), STARTTLS elsewhere (RFC 3207); without either nothing is sent unless the
// configuration allows it, and a password never.
//
// Headers cannot be injected: what comes from callers is cut to one line and encoded (RFC 2047), addresses are parsed.
//
// Who may call: cmd/trunkline. It imports no other room.
package mail
