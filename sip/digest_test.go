package sip

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
)

// The vectors: RFC 2617 §3.5, RFC 7616 §3.9.1 (both algorithms), and RFC 2617's
// example without qop (computed by hand from RFC 2069 §2.1.2).
func TestDigestResponseEqualsTheVectorsOfTheRFCs(t *testing.T) {
	const (
		mufasa = "Circle Of Life"
		old    = `Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="/dir/index.html"`
		recent = `Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth`
	)
	for _, v := range []struct{ name, header, password string }{
		{"RFC 2617 §3.5", old + `, qop=auth, nc=00000001, cnonce="0a4f113b", response="6629fae49393a05397450978507c4ef1"`, mufasa},
		{"RFC 2069, corrected example", old + `, response="670fd8c2df070c60b045671b8b24ff02"`, mufasa},
		{"RFC 7616 MD5", recent + `, algorithm=MD5, response="8ca523f5e9506fed4657c9700eebdbec"`, "Circle of Life"},
		{"RFC 7616 SHA-256", recent + `, algorithm=SHA-256, response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"`, "Circle of Life"},
		{"upper-case hex", recent + `, algorithm=md5, response="8CA523F5E9506FED4657C9700EEBDBEC"`, "Circle of Life"},
	} {
		c, err := parseCredentials(v.header)
		if err != nil {
			t.Fatalf("%s: %v", v.name, err)
		}
		alg, ok := parseAlgorithm(c.algorithm)
		if !ok {
			t.Fatalf("%s: algorithm %q unknown", v.name, c.algorithm)
		}
		if !newSecret(c.user, c.realm, v.password).matches(alg, "GET", &c) {
			t.Errorf("%s: got %s, want %s", v.name, newSecret(c.user, c.realm, v.password).expected(alg, "GET", &c), c.response)
		}
		if newSecret(c.user, c.realm, v.password+".").matches(alg, "GET", &c) {
			t.Errorf("%s: got a match with another password, want none", v.name)
		}
		if newSecret(c.user, c.realm, v.password).matches(alg, "POST", &c) {
			t.Errorf("%s: got a match for another method, want none", v.name)
		}
	}
}

func TestAuthorizationIsReadAsPhonesWriteIt(t *testing.T) {
	const good = `Digest username="ann", realm="r", nonce="n", uri="sip:x", response="00"`
	for _, c := range []struct{ in, field, want string }{
		{good, "user", "ann"},
		{strings.ToLower(good[:7]) + good[7:], "user", "ann"},
		{"   " + good, "user", "ann"},
		{strings.ReplaceAll(good, ", ", ","), "uri", "sip:x"},
		{strings.ReplaceAll(good, "=", " = "), "realm", "r"},
		{good + `, algorithm="MD5"`, "alg", "MD5"},
		{good + `, qop="auth", nc=00000001, cnonce="a"`, "qop", "auth"},
		{good + `, opaque="x, y=\"z\"", algorithm=MD5`, "alg", "MD5"},
		{strings.Replace(good, `"ann"`, `"a\"n\\n"`, 1), "user", `a"n\n`},
		{strings.Replace(good, `"ann"`, `ann`, 1), "user", `ann`},
		{good + " ,", "user", "ann"},
	} {
		got, err := parseCredentials(c.in)
		fields := map[string]string{"user": got.user, "uri": got.uri, "realm": got.realm, "alg": got.algorithm, "qop": got.qop}
		if err != nil || fields[c.field] != c.want {
			t.Errorf("%s: got %s %q, %v, want %q", c.in, c.field, fields[c.field], err, c.want)
		}
	}
	for _, in := range []string{
		"", "Digest", "Basic YTpi", `Digest username="ann`, `Digest username="ann" realm="r"`, good + `, username="bob"`,
		`Digest realm="r", nonce="n", uri="u", response="0"`, strings.Replace(good, `nonce="n"`, `nonce=""`, 1),
		good + `, qop=auth`, good + `, qop=auth, cnonce="c", nc=1`, good + ", =x", good + ", x", good + strings.Repeat(" ", maxCredentials),
	} {
		if _, err := parseCredentials(in); !errors.Is(err, errMalformedCredentials) {
			t.Errorf("%.80s: got %v, want %v", in, err, errMalformedCredentials)
		}
	}
	for _, nc := range []string{"00000000", "0000000g", "-0000001"} {
		c := credentials{qop: "auth", nc: nc}
		if _, err := c.count(); err == nil {
			t.Errorf("nc=%s: got no error, want one", nc)
		}
	}
}

var volatile = regexp.MustCompile(`nonce="[0-9a-f]{56}"|;tag=[0-9a-f-]{36}`)

func TestChallengeIsTheSameForEveryName(t *testing.T) {
	o := open(t, nil, func(c *Config) {
		c.Accounts = append(c.Accounts, Account{ID: "bob", Static: []string{"sip:bob@192.0.2.7"}})
	})
	for _, with := range []string{"nothing", "a wrong password", "a stale nonce", "another realm", "garbage"} {
		var first string
		for _, user := range []string{"ann", "bob", "zoe"} {
			p := o.phone("same")
			p.user, p.password = user, "not her password"
			p.challenged()
			req := p.request()
			switch with {
			case "a wrong password":
				p.sign(req)
			case "a stale nonce":
				p.nonce = strings.Repeat("0", 56)
				p.sign(req)
			case "another realm":
				p.finish(req, &credentials{user: user, realm: "other", nonce: p.nonce, uri: "sip:" + testRealm})
			case "garbage":
				req.AppendHeader(sip.NewHeader("Authorization", `Digest username="`))
			}
			got := volatile.ReplaceAllString(strings.ReplaceAll(o.register(req, testLocal).String(), user+"@", "X@"), "-")
			if first == "" {
				first = got
			}
			if got != first {
				t.Errorf("with %s: %s gets\n%s\nwant as for ann\n%s", with, user, got, first)
			}
			if !strings.HasPrefix(got, "SIP/2.0 401 ") || strings.Contains(got, "stale") {
				t.Errorf("with %s: got\n%s\nwant a plain 401", with, got)
			}
		}
	}
}

func TestStaleIsSaidOnlyToWhoKnowsThePassword(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, nil)
		p := o.phone("a")
		p.challenged()
		time.Sleep(nonceLife + 2*time.Second)
		for _, c := range []struct {
			password string
			want     bool
		}{{annPass, true}, {"wrong", false}} {
			p.password = c.password
			req := p.request()
			p.sign(req)
			res := o.register(req, testLocal)
			if got := strings.Contains(res.String(), "stale=true"); res.StatusCode != 401 || got != c.want {
				t.Errorf("password %s: got %d, stale %v, want 401, stale %v", c.password, res.StatusCode, got, c.want)
			}
		}
		p.password = annPass
		p.mustRegister("Contact: <sip:ann@198.51.100.7>") // follows the stale=true
		if got := o.stats.stale.Load(); got < 1 {
			t.Errorf("got %d stale, want at least 1", got)
		}
	})
}

func TestReplayedRequestIsRefusedAndANewNonceCures(t *testing.T) {
	o := open(t, nil)
	p := o.phone("a")
	p.challenged()
	req := p.request("Contact: <sip:ann@198.51.100.7>")
	p.sign(req)
	if res := o.register(req, testLocal); res.StatusCode != 200 {
		t.Fatalf("first: got %d, want 200", res.StatusCode)
	}
	res := o.register(req, testLocal)
	if res.StatusCode != 401 || !strings.Contains(res.String(), "stale=true") {
		t.Errorf("again: got %d, want 401 with stale=true", res.StatusCode)
	}
	if got := o.stats.replayed.Load(); got != 1 {
		t.Errorf("got %d replays counted, want 1", got)
	}
}

func TestCredentialsWithoutQOPAreGoodForOneRequest(t *testing.T) {
	o := open(t, nil)
	p := o.phone("a")
	for _, alg := range []string{"", "MD5", "SHA-256"} {
		p.challenged()
		for i, want := range []int{200, 401} {
			req := p.request()
			p.finish(req, &credentials{user: "ann", realm: testRealm, nonce: p.nonce, uri: "sip:" + testRealm, algorithm: alg})
			if res := o.register(req, testLocal); res.StatusCode != want {
				t.Errorf("algorithm %q, use %d: got %d, want %d", alg, i+1, res.StatusCode, want)
			}
		}
	}
}

func TestDigestURIMustNameWhatIsRequested(t *testing.T) {
	for _, c := range []struct {
		request, digest string
		want            int
	}{
		{"sip:" + testRealm, "sip:" + testRealm, 0},
		{"sip:127.0.0.1:5062;transport=udp", "sip:127.0.0.1:5062;transport=udp", 0}, // baresip
		{"sip:127.0.0.1:5062;transport=udp", "sip:127.0.0.1:5062", 0},               // sipgo
		{"sip:101@PBX.example.com", "sip:101@pbx.example.com:5060", 0},
		{"sip:101@192.0.2.1", "sip:101@" + testRealm, 0},
		{"sip:%31%301@192.0.2.1", "sip:101@192.0.2.1", 0},
		{"sip:101@192.0.2.1", "sip:102@192.0.2.1", 400},
		{"sip:+1900@192.0.2.1", "sip:192.0.2.1", 400},
		{"sip:101@192.0.2.1", "sip:101@192.0.2.9", 400},
		{"sip:101@192.0.2.1", "sip:101@192.0.2.1:5080", 400},
		{"sip:101@192.0.2.1", "x", 400},
	} {
		o := open(t, nil)
		p := o.phone("a")
		p.challenged()
		p.cseq++
		req := p.parse("INVITE", c.request, ";rport", nil)
		p.finish(req, &credentials{user: "ann", realm: testRealm, nonce: p.nonce, uri: c.digest, qop: "auth", cnonce: "x", nc: "00000001"})
		v := o.authenticate(req)
		got := 0
		if v.response != nil {
			got = v.response.StatusCode
		}
		if got != c.want || (got == 0) != (v.account == "ann") {
			t.Errorf("%s with uri=%s: got %d for %q, want %d", c.request, c.digest, got, v.account, c.want)
		}
	}
}

func TestUserOfTheDigestMustBeFromAndTo(t *testing.T) {
	for _, c := range []struct {
		method, from, to string
		want             int
	}{
		{"REGISTER", "ann", "ann", 0},
		{"REGISTER", "%61nn", "ann", 0},
		{"REGISTER", "bob", "ann", 403},
		{"REGISTER", "ann", "bob", 403},
		{"INVITE", "ann", "101", 0},
		{"INVITE", "bob", "101", 403},
		{"INVITE", "Ann", "101", 403},
	} {
		o := open(t, nil)
		p := o.phone("a")
		p.challenged()
		p.cseq++
		req := p.parse(c.method, "sip:"+testRealm, ";rport", nil)
		req.From().Address.User, req.To().Address.User = c.from, c.to
		p.sign(req)
		v := o.authenticate(req)
		got := 0
		if v.response != nil {
			got = v.response.StatusCode
		}
		if got != c.want {
			t.Errorf("%s from %s to %s by ann: got %d, want %d", c.method, c.from, c.to, got, c.want)
		}
	}
}

func TestSecondAuthorizationHeaderIsUsedWhenTheFirstIsNotOurs(t *testing.T) {
	o := open(t, nil)
	p := o.phone("a")
	p.challenged()
	req := p.request()
	req.AppendHeader(sip.NewHeader("Authorization", `Digest username="ann", realm="proxy", nonce="n", uri="sip:x", response="00"`))
	p.sign(req)
	if res := o.register(req, testLocal); res.StatusCode != 200 {
		t.Errorf("got %d, want 200", res.StatusCode)
	}
}

func TestAgentWithoutPasswordCannotProveAnything(t *testing.T) {
	o := open(t, nil, func(c *Config) { c.Accounts = []Account{{ID: "ann", Static: []string{"sip:ann@192.0.2.7"}}} })
	for _, password := range []string{"", annPass} {
		p := o.phone("a")
		p.password = password
		if res := p.register(); res.StatusCode != 401 {
			t.Errorf("password %q: got %d, want 401", password, res.StatusCode)
		}
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	s := newSecret("ann", testRealm, annPass)
	acc, _ := newAccount(Account{ID: "ann", Password: annPass}, testRealm, time.Now())
	var b bytes.Buffer
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", "secret", s, "account", acc)
	text := fmt.Sprintf("%v %+v %#v %s %v %#v", s, s, s, s, acc.secret, acc) + b.String()
	for _, leak := range []string{s.ha1[0], s.ha1[1], annPass} {
		if strings.Contains(text, leak) {
			t.Errorf("got %s in %s, want no secret", leak, text)
		}
	}
}

func TestWrongPasswordsAreSaidOnceASecondWithTheCure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, nil)
		defer o.start()()
		fail := func(user string, n int) {
			p := o.phone("x" + user)
			p.user, p.password = user, "wrong-"+user
			for range n {
				p.register()
			}
		}
		fail("ann", 1)
		synctest.Wait()
		first := o.log.String()
		if strings.Count(first, "\n") != 1 || !strings.Contains(first, "password of agent \\\"ann\\\" does not match") ||
			!strings.Contains(first, "realm=") || !strings.Contains(first, "198.51.100.7") {
			t.Errorf("got %q, want one line with the cure", first)
		}
		fail("ann", 40)
		fail("zoe", 7)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		rest := strings.TrimPrefix(o.log.String(), first)
		if strings.Count(rest, "\n") != 1 || !strings.Contains(rest, "count=40") || !strings.Contains(rest, "others.count=7") {
			t.Errorf("got %q, want one line that counts 40 and 7 others", rest)
		}
		if got := o.stats.wrong.Load(); got != 48 {
			t.Errorf("got %d wrong, want 48", got)
		}
		if strings.Contains(o.log.String(), "wrong-") || strings.Contains(o.log.String(), annPass) {
			t.Error("got a password in the log, want none")
		}
	})
}

func FuzzAuthorization(f *testing.F) {
	f.Add(`Digest username="ann", realm="r", nonce="n", uri="sip:x;y=z", response="0f", qop=auth, nc=00000001, cnonce="a\"b", algorithm=SHA-256`)
	f.Add(`digest username=ann,realm = r , nonce="",uri=`)
	f.Add(`Digest ,,,="`)
	f.Fuzz(func(t *testing.T, in string) {
		c, err := parseCredentials(in)
		if err != nil {
			if !errors.Is(err, errMalformedCredentials) {
				t.Fatalf("got %v, want a malformed Authorization", err)
			}
			return
		}
		if c.user == "" || c.nonce == "" || c.uri == "" || c.response == "" {
			t.Fatalf("got %+v without error, want what is mandatory", c)
		}
		// What was read can be written and read again.
		if strings.ContainsAny(c.nonce+c.response+c.algorithm+c.qop+c.cnonce+c.nc, `"\,`) || strings.TrimSpace(c.algorithm+"x"+c.qop) != c.algorithm+"x"+c.qop {
			return
		}
		if c.qop == "" {
			c.cnonce, c.nc = "", "" // not written then
		}
		if again, err := parseCredentials(authorization(&c)); err == nil && again != c {
			t.Fatalf("got %+v, want %+v", again, c)
		}
	})
}
