package media

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// sample returns a description from testdata/sdp.
func sample(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "sdp", name+".sdp"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// samples returns all of testdata/sdp.
func samples(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "sdp", "*.sdp"))
	if err != nil || len(files) < 13 {
		t.Fatalf("got %d samples (%v), want at least 13", len(files), err)
	}
	all := map[string][]byte{}
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".sdp")
		all[name] = sample(t, name)
	}
	return all
}

// crlf writes lines as they are on the wire.
func crlf(lines ...string) []byte { return []byte(strings.Join(lines, "\r\n") + "\r\n") }

func TestDescriptionIsReadHoweverItIsWritten(t *testing.T) {
	plain := []string{"v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1", "t=0 0", "a=sendonly",
		"m=audio 4000 RTP/AVP 0", "a=ptime:30"}
	for name, body := range map[string][]byte{
		"as in the RFC":               crlf(plain...),
		"last line without newline":   []byte(strings.TrimSuffix(string(crlf(plain...)), "\r\n")),
		"LF alone":                    []byte(strings.Join(plain, "\n")),
		"blank lines at the end":      append(crlf(plain...), "\r\n\r\n"...),
		"a terminator of C":           append(crlf(plain...), 0),
		"blanks at line ends":         crlf("v=0 ", "o=- 1 1 IN IP4 192.0.2.1", "c=IN IP4 192.0.2.1 \t", "a=sendonly ", "m=audio 4000 RTP/AVP 0 ", "a=ptime:30 "),
		"no s= and no t=":             crlf("v=0", "o=- 1 1 IN IP4 192.0.2.1", "c=IN IP4 192.0.2.1", "a=sendonly", "m=audio 4000 RTP/AVP 0", "a=ptime:30"),
		"no v= and no o=":             crlf("c=IN IP4 192.0.2.1", "a=sendonly", "m=audio 4000 RTP/AVP 0", "a=ptime:30"),
		"a= before t= and c=":         crlf("v=0", "a=sendonly", "t=0 0", "c=IN IP4 192.0.2.1", "s=-", "o=- 1 1 IN IP4 192.0.2.1", "m=audio 4000 RTP/AVP 0", "a=ptime:30"),
		"b= before c=":                crlf("v=0", "o=- 1 1 IN IP4 192.0.2.1", "b=AS:64", "c=IN IP4 192.0.2.1", "t=0 0", "a=sendonly", "m=audio 4000 RTP/AVP 0", "b=AS:64", "a=ptime:30"),
		"a name with blanks in o=":    crlf("v=0", "o=Front Desk 1 1 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1", "t=0 0", "a=sendonly", "m=audio 4000 RTP/AVP 0", "a=ptime:30"),
		"words for numbers in o=":     crlf("v=0", "o=- one two IN IP4 pbx", "s=-", "c=IN IP4 192.0.2.1", "t=0 0", "a=sendonly", "m=audio 4000 RTP/AVP 0", "a=ptime:30"),
		"an empty s=":                 crlf("v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=", "c=IN IP4 192.0.2.1", "t=0 0", "a=sendonly", "m=audio 4000 RTP/AVP 0", "a=ptime:30"),
		"lines of no known letter":    crlf("v=0", "o=- 1 1 IN IP4 192.0.2.1", "x=?", "c=IN IP4 192.0.2.1", "a=sendonly", "m=audio 4000 RTP/AVP 0", "y=?", "a=ptime:30"),
		"IP6 said of an IPv4 address": crlf("v=0", "c=IN IP6 192.0.2.1", "a=sendonly", "m=audio 4000 RTP/AVP 0", "a=ptime:30"),
		"in ip4":                      crlf("v=0", "c=in ip4 192.0.2.1", "a=sendonly", "m=audio 4000 RTP/AVP 0", "a=ptime:30"),
		"IPv4 mapped in IPv6":         crlf("v=0", "c=IN IP6 ::ffff:192.0.2.1", "a=sendonly", "m=audio 4000 RTP/AVP 0", "a=ptime:30"),
		"c= in the section, twice":    crlf("v=0", "c=IN IP4 192.0.2.99", "a=sendonly", "m=audio 4000 RTP/AVP 0", "a=ptime:30", "c=IN IP4 192.0.2.1", "c=IN IP4 192.0.2.2"),
		"a number of ports":           crlf("v=0", "c=IN IP4 192.0.2.1", "a=sendonly", "m=audio 4000/2 RTP/AVP 0", "a=ptime:30"),
		"small letters":               crlf("v=0", "c=IN IP4 192.0.2.1", "a=SendOnly", "m=AUDIO 4000 rtp/avp 0", "a=ptime: 30"),
	} {
		t.Run(name, func(t *testing.T) {
			d, err := parseDescription(body)
			if err != nil {
				t.Fatalf("got %v, want it read", err)
			}
			if out := string(d.bytes()); strings.Count(out, "\n") != strings.Count(out, "\r\n") || strings.Contains(out, "\r\n\r\n") {
				t.Errorf("got %q, want no line end within a line", out)
			}
			a, err := d.readAudio(0)
			if err != nil {
				t.Fatalf("got %v, want audio", err)
			}
			got := []any{a.rtp.String(), a.rtcp.String(), a.sends, a.receives, a.ptime.Milliseconds(), a.formats}
			want := []any{"192.0.2.1:4000", "192.0.2.1:4001", true, false, int64(30), []format{{0, "pcmu/8000"}}}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

func TestMalformedDescriptionNamesItsLine(t *testing.T) {
	long := strings.Repeat("a=x\r\n", maxLines+1)
	for name, c := range map[string]struct{ body, names string }{
		"nothing":                 {"", "neither o= nor m="},
		"nothing but blank lines": {"\r\n\r\n", "neither o= nor m="},
		"no SDP":                  {"<xml/>", `line 1 "<xml/>"`},
		"no =":                    {"v=0\r\nhello\r\n", `line 2 "hello"`},
		"a digit for a letter":    {"v=0\r\n1=2\r\n", `line 2 "1=2"`},
		"another version":         {"v=1\r\no=- 1 1 IN IP4 192.0.2.1\r\n", `line 1 "v=1"`},
		"a port of letters":       {"v=0\r\nm=audio http RTP/AVP 0\r\n", `line 2 "m=audio http RTP/AVP 0"`},
		"a port too large":        {"v=0\r\nm=audio 65536 RTP/AVP 0\r\n", "want a port"},
		"a negative port":         {"v=0\r\nm=audio -1 RTP/AVP 0\r\n", "want a port"},
		"a signed port":           {"v=0\r\nm=audio +4000 RTP/AVP 0\r\n", "want a port"},
		"no ports at all":         {"v=0\r\nm=audio 4000/0 RTP/AVP 0\r\n", "number of ports"},
		"a short m=":              {"v=0\r\nm=audio 4000\r\n", "want m=kind port protocol formats"},
		"a broken address":        {"v=0\r\nc=IN IP4 192.0.2.256\r\nm=audio 4000 RTP/AVP 0\r\n", "want an IP address"},
		"an address of blanks":    {"v=0\r\nc=IN IP4\r\n", "want c=IN IP4 address"},
		"another network":         {"v=0\r\nc=ATM NSAP 47.00\r\n", "want c=IN"},
		"another kind of address": {"v=0\r\nc=IN IP5 192.0.2.1\r\n", "want IP4 or IP6"},
		"an address with a zone":  {"v=0\r\nc=IN IP6 fe80::1%eth0\r\n", "zone"},
		"a NUL within":            {"v=0\r\na=\x00x\r\n", "control character"},
		"a CR within":             {"v=0\ra=x\r\n", "control character"},
		"too many lines":          {long, "more than 2000 lines"},
		"too many m=":             {strings.Repeat("m=audio 0 RTP/AVP 0\n", maxSections+1), "more than 64 m= lines"},
		"too many formats":        {"m=audio 4000 RTP/AVP" + strings.Repeat(" 0", maxFormats+1), "more than 256 formats"},
		"too many bytes":          {"v=0\r\ns=" + strings.Repeat("x", maxDescription), "bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseDescription([]byte(c.body))
			if !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), c.names) {
				t.Errorf("got %v, want ErrMalformed naming %s", err, c.names)
			}
			if err != nil && len(err.Error()) > 300 {
				t.Errorf("the error has %d bytes, want a line", len(err.Error()))
			}
		})
	}
}

func TestDescriptionKeepsWhatItDoesNotKnow(t *testing.T) {
	body := crlf("v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", "i=about", "c=IN IP4 192.0.2.1", "b=AS:64", "t=0 0", "k=prompt",
		"a=x-new:1", "q=?", "m=audio 4000/2 RTP/AVP 0", "i=sound", "c=IN IP6 2001:db8::1", "b=TIAS:64000", "a=x", "z=?")
	d, err := parseDescription(body)
	if err != nil {
		t.Fatal(err)
	}
	// z= belongs to the session's part; in a section it is unknown but has its place before a=.
	want := strings.Replace(string(body), "a=x\r\nz=?\r\n", "z=?\r\na=x\r\n", 1)
	if got := string(d.bytes()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// reread writes d and reads it again.
func reread(t rapid.TB, d *description) *description {
	t.Helper()
	again, err := parseDescription(d.bytes())
	if err != nil {
		t.Fatalf("what was written cannot be read: %v\n%s", err, d.bytes())
	}
	for i := range again.sections {
		again.sections[i].number = d.sections[i].number // of the line in what was read
	}
	return again
}

func TestDescriptionReadsBackAsWritten(t *testing.T) {
	word := rapid.StringMatching(`[a-zA-Z0-9:./_=-]{1,12}( [a-z0-9]{1,5}){0,3}`)
	token := rapid.StringMatching(`[a-zA-Z0-9./-]{1,10}`)
	address := rapid.SampledFrom([]string{"IN IP4 192.0.2.1", "IN IP6 2001:db8::1", "IN IP4 0.0.0.0", "IN IP6 ::",
		"IN IP4 224.2.1.1/127", "IN IP4 sip.example.com", "IN IP6 ff02::1", ""})
	conn := rapid.Custom(func(t *rapid.T) connection {
		text := address.Draw(t, "c")
		if text == "" {
			return connection{}
		}
		c, why := parseConnection(text)
		if why != "" {
			t.Fatalf("c=%s: %s", text, why)
		}
		return c
	})
	lines := func(letters string) *rapid.Generator[[]line] {
		return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) line {
			return line{letters[rapid.IntRange(0, len(letters)-1).Draw(t, "letter")], word.Draw(t, "value")}
		}), 0, 6)
	}
	rapid.Check(t, func(t *rapid.T) {
		d := &description{origin: word.Draw(t, "o"), name: word.Draw(t, "s"), timing: word.Draw(t, "t"), conn: conn.Draw(t, "conn"),
			lines: lines("iuepbtrzkaxyABosk").Draw(t, "lines")}
		for range rapid.IntRange(0, 4).Draw(t, "sections") {
			d.sections = append(d.sections, section{kind: token.Draw(t, "kind"), port: rapid.Uint16().Draw(t, "port"),
				count: rapid.Uint16Range(0, 3).Draw(t, "count"), proto: token.Draw(t, "proto"),
				formats: rapid.SliceOfN(token, 1, 6).Draw(t, "formats"), conn: conn.Draw(t, "conn"),
				lines: lines("ibkaxyvostA").Draw(t, "lines")})
		}
		d.order()
		for i := range d.sections { // a generated nil and a read nil are the same
			if len(d.sections[i].lines) == 0 {
				d.sections[i].lines = nil
			}
		}
		if len(d.lines) == 0 {
			d.lines = nil
		}
		if again := reread(t, d); !reflect.DeepEqual(again, d) {
			t.Fatalf("got %+v\nwant %+v", again, d)
		}
	})
}

func FuzzSDP(f *testing.F) {
	for _, b := range samples(f) {
		f.Add(b)
	}
	f.Add([]byte("m=audio 1 RTP/AVP 0 8\nc=IN IP4 1.2.3.4\na=rtpmap:0 PCMU/8000\na=ptime:0.5\na=rtcp:1 IN IP6 ::"))
	f.Add([]byte("o=\ns=\nt=\nm=audio 65535/9 RTP/AVPF 127\na=rtpmap:127 pcma/8000/1\nc=IN IP6 ::\na=inactive\na=maxptime:1e9"))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := parseDescription(b)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("got %v, want ErrMalformed", err)
			}
			return
		}
		if out := d.bytes(); len(out) <= maxDescription {
			if d.origin == "" && len(d.sections) == 0 {
				t.Fatal("an empty description was read")
			}
			if again := reread(t, d); !reflect.DeepEqual(again, d) {
				t.Fatalf("got %+v\nwant %+v", again, d)
			}
		}
		checkAnswer(t, b, d)
	})
}
