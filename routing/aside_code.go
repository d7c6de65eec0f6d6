package routing

import "time"

// Codes of boxes have so many digits.
const (
	LeastCode = 4
	MostCode  = 10
)

// ask asks for the code of the box.
func (r *MailboxRun) ask(first ...string) []AsideCommand {
	r.State, r.Typed, r.Until = mbCode, "", time.Time{}
	return []AsideCommand{AsidePlay{prompts(append(first, "voicemail-enter-pin")...)}}
}

// typed is a digit of the code; # ends it, * begins it anew.
func (r *MailboxRun) typed(now time.Time, digit string) []AsideCommand {
	switch {
	case digit == "#" && r.Typed != "":
		return r.check()
	case digit == "#":
		return r.late()
	case digit == "*":
		return r.ask()
	case len(r.Typed) <= MostCode: // one too many is kept: the code is wrong then
		r.Typed += digit
	}
	r.Until = now.Add(asideWait)
	return []AsideCommand{AsideHush{}}
}

func (r *MailboxRun) check() []AsideCommand {
	code := r.Typed
	r.State, r.Typed, r.Until = mbChecking, "", time.Time{}
	return []AsideCommand{AsideHush{}, AsideCheck{Code: code}}
}

// told says whether the code was right. Three are taken a call.
func (r *MailboxRun) told(ev AsideTold) []AsideCommand {
	switch {
	case r.State != mbChecking:
		return nil
	case ev.OK:
		r.Tries, r.Guarded = 0, false
		return r.counts()
	case ev.Closed:
		return r.last("voicemail-wrong-pin")
	}
	if r.Tries++; r.Tries > asideTries {
		return r.last("voicemail-wrong-pin")
	}
	return r.ask("voicemail-wrong-pin")
}
