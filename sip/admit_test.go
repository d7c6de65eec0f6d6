package sip

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// dialIn is an INVITE of user from source, with good credentials.
func dialIn(o *office, user, password, source string) verdict {
	p := o.phone("dial" + user)
	p.user, p.password, p.source = user, password, source
	p.challenged()
	p.cseq++
	req := p.parse("INVITE", "sip:+14155550100@"+testRealm, ";rport", nil)
	req.From().Address.User = "anybody" // the caller that is played
	p.sign(req)
	return o.authenticate(req)
}

func TestOneTimeCredentialAdmitsOneInviteOfThisMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, nil)
		o.admitOnce("probe", "secret", time.Now().Add(time.Minute))
		for _, c := range []struct{ user, password, source, want string }{
			{"probe", "wrong", "127.0.0.1:40000", ""},
			{"probe", "secret", "198.51.100.7:5060", ""},
			{"probe", "secret", "127.0.0.2:40000", "probe"},
			{"probe", "secret", "127.0.0.2:40000", ""},
		} {
			v := dialIn(o, c.user, c.password, c.source)
			if v.once != c.want || (c.want == "") != (v.response != nil) {
				t.Errorf("%s from %s: got %+v, want %q", c.password, c.source, v, c.want)
			}
			if v.response != nil && v.response.StatusCode != 401 {
				t.Errorf("%s from %s: got %d, want 401", c.password, c.source, v.response.StatusCode)
			}
		}
		o.admitOnce("late", "secret", time.Now().Add(time.Minute))
		time.Sleep(time.Minute)
		if v := dialIn(o, "late", "secret", "127.0.0.1:1"); v.once != "" {
			t.Error("got the late one in, want it refused")
		}
		// It is no way to register.
		o.admitOnce("probe", "secret", time.Now().Add(time.Minute))
		p := o.phone("r")
		p.user, p.password, p.source = "probe", "secret", "127.0.0.1:1"
		if res := p.register(); res.StatusCode != 401 {
			t.Errorf("REGISTER: got %d, want 401", res.StatusCode)
		}
	})
}

func TestOneTimeCredentialIsTakenByOneOfTwo(t *testing.T) {
	o := open(t, nil)
	o.admitOnce("probe", "secret", soon(time.Minute))
	results := make(chan bool)
	for range 8 {
		go func() { results <- dialIn(o, "probe", "secret", "[::1]:5000").once == "probe" }()
	}
	n := 0
	for range 8 {
		if <-results {
			n++
		}
	}
	if n != 1 {
		t.Errorf("got %d admitted, want 1", n)
	}
}

func TestOneTimeCredentialsAreBounded(t *testing.T) {
	var a admissions
	now := time.Unix(1_800_000_000, 0)
	for i := range 1000 {
		a.add(fmt.Sprint(i), newSecret("x", "y", "z"), now.Add(time.Duration(i+1)*time.Second), now)
	}
	if len(a.list) != maxAdmissions {
		t.Errorf("got %d, want %d", len(a.list), maxAdmissions)
	}
	if _, ok := a.secret("999", now); !ok {
		t.Error("got the last one pushed out, want the one that ends first")
	}
	a.add("new", newSecret("x", "y", "z"), now.Add(time.Hour), now.Add(2000*time.Second))
	if len(a.list) != 1 {
		t.Errorf("got %d after their time, want 1", len(a.list))
	}
}
