package archtest

// leaf is why most arrows between rooms are refused.
const leaf = "leaves import nothing of ours: what they have to say goes to the switchboard as an event"

// room is one package of ours: what of ours it may import, and why not the rest.
type room struct {
	may   []string
	tests []string // what its test files may import besides
	why   string
	// except has the reason of refusals that have one of their own.
	except map[string]string
}

// rooms is the import graph. Test files may import internal/… as well.
var rooms = map[string]room{
	"sip": {why: leaf, except: map[string]string{
		"media":     "a session description is []byte to sip: signalling and sound never meet",
		"internal/": "the simulated network and phones are for tests",
	}},
	"media": {why: leaf, except: map[string]string{
		"sip":      "a session description comes as []byte: signalling and sound never meet",
		"recorder": "the recorder satisfies media.Tap structurally; the proof is in call",
	}},
	"routing": {why: leaf},
	"recorder": {why: leaf, except: map[string]string{
		"media": "it satisfies media.Tap structurally; the proof is in call",
	}},
	"desk":   {why: leaf},
	"flight": {why: leaf + "; what it keeps, cmd/trunkline hands in"},
	"config": {why: leaf},
	"mail":   {why: leaf + "; cmd/trunkline gives it the mails"},

	"call": {
		may: []string{"sip", "media", "routing", "recorder", "desk"},
		why: "the switchboard joins the leaves and knows nothing above itself",
		except: map[string]string{
			"config": "each room has a Config of its own; cmd/trunkline maps the YAML to them",
			"store":  "after its start the switchboard never reads the store; it is given Append",
			"api":    "the door stands on the switchboard, not the other way round",
		},
	},
	"store": {
		may: []string{"call", "sip", "routing", "desk"},
		why: "the store keeps the switchboard's types and decides nothing",
		except: map[string]string{
			"config": "it is given a folder and limits by cmd/trunkline",
			"media":  "nothing of the sound is kept in the store",
		},
	},
	"metrics": {
		may: []string{"call", "sip", "media", "routing", "recorder", "store", "flight"},
		why: "it reads what the rooms count, and changes nothing",
	},
	"store/storetest": {
		may: []string{"store", "call", "sip", "routing", "desk"},
		why: "the contract that every store must keep knows the types that are stored, and how one asks for them",
	},
	"api": {
		may:   []string{"call", "store", "routing", "desk", "flight"},
		tests: []string{"sip"},
		why:   "the door gives orders to the switchboard and reads the store",
		except: map[string]string{
			"config": "reload is a function that cmd/trunkline gives it",
			"sip":    "orders go through the switchboard",
			"media":  "orders go through the switchboard",
		},
	},
	"cmd/trunkline": {
		may: []string{"api", "store", "call", "sip", "media", "routing", "recorder", "desk", "flight", "mail", "metrics", "config", "internal/simphone", "internal/simnet"},
		why: "of internal/ the binary has only the simulated phones, for demo and call",
	},

	"internal/archtest":   {why: "it reads the source, it does not link it"},
	"internal/barerelay":  {why: "what media is compared with must not share code with it"},
	"internal/bench":      {why: "benchmarks are test files; what they measure they import there"},
	"internal/ear":        {may: []string{"internal/tone"}, why: "a phone of its own: what it shares with the house it cannot measure"},
	"internal/golden":     {why: "it knows of files and tests alone"},
	"internal/load":       {why: "what loads the house is independent of it"},
	"internal/raced":      {why: "it knows how a test was built"},
	"internal/realpeer":   {may: []string{"internal/tone", "internal/simphone"}, why: "it starts other people's programs, and knows none of the rooms"},
	"internal/simbrowser": {may: []string{"internal/tone"}, why: "a browser of its own: what it shares with the house it cannot test"},
	"internal/simnet":     {why: "a network knows nothing of what crosses it"},
	"internal/simphone":   {may: []string{"internal/tone"}, why: "an independent phone: what it shares with the house it cannot test"},
	"internal/testca":     {why: "it signs for tests, whatever they test"},
	"internal/testmail":   {why: "it takes mail for tests, whoever sends it"},
	"internal/tone":       {why: "it measures sound, whoever made it"},
}

// dependency is a module of other people, and who may import it.
type dependency struct {
	by  []string
	why string
	// tests says that only test files may.
	tests bool
}

// dependencies is by the beginning of the import path. What is not here is refused.
var dependencies = map[string]dependency{
	"github.com/emiago/sipgo":               {by: []string{"sip"}, why: "its traps are known and cured in one place"},
	"github.com/miekg/dns":                  {by: []string{"sip"}, why: "where a carrier is (RFC 3263) is signalling's business"},
	"github.com/icholy/digest":              {by: []string{"sip"}, why: "credentials are computed where they are checked"},
	"github.com/pion":                       {by: []string{"media", "internal/simbrowser"}, why: "RTP and RTCP have one reader and one writer, and a browser in tests is pion's"},
	"github.com/zaf/g711":                   {by: []string{"media"}, why: "codecs have one place"},
	"github.com/gotranspile/g722":           {by: []string{"media"}, why: "codecs have one place"},
	"go.etcd.io/bbolt":                      {by: []string{"store"}, why: "a second implementation of the store must be possible"},
	"go.yaml.in/yaml":                       {by: []string{"config"}, why: "the file's shape has one reader"},
	"github.com/invopop/jsonschema":         {by: []string{"config"}, tests: true, why: "the schema is generated, it is no part of the binary"},
	"github.com/santhosh-tekuri/jsonschema": {by: []string{"config"}, tests: true, why: "it checks the examples, in tests"},
	"github.com/nyaruka/phonenumbers":       {by: []string{"desk"}, why: "numbers are read and written in one place"},
	"github.com/prometheus/client_golang":   {by: []string{"metrics"}, why: "the names of the figures have one place"},
	"github.com/danielgtaylor/huma":         {by: []string{"api"}, why: "the door's operations and their description have one place"},
	"github.com/coder/websocket":            {by: []string{"api", "internal/bench"}, why: "the Help Desk's socket is the door's"},
	"github.com/coreos/go-oidc":             {by: []string{"api"}, why: "who signs in is the door's business"},
	"golang.org/x/oauth2":                   {by: []string{"api"}, why: "who signs in is the door's business"},
	"golang.org/x/crypto":                   {by: []string{"api"}, why: "passwords are hashed where they are compared"},
	"golang.org/x/term":                     {by: []string{"cmd/trunkline"}, why: "a password is typed at the command line"},
	"github.com/chromedp":                   {by: []string{"cmd/trunkline", "internal/realpeer"}, tests: true, why: "the Help Desk is tested in a browser, and not shipped with one"},
	"github.com/alecthomas/kong":            {by: []string{"cmd/trunkline"}, why: "the command line is the binary's"},
	"github.com/oklog/ulid":                 {by: []string{"sip", "call", "recorder", "desk", "store", "store/storetest"}, why: "identifiers that sort by time are made by who owns what they name"},
	"golang.org/x/sys":                      {by: []string{"media", "internal/barerelay", "internal/bench", "internal/load"}, why: "epoll and eventfd are the media shards' seam and what it is compared with; what comes to a bench is stamped by the kernel"},
	"pgregory.net/rapid":                    {by: []string{"routing", "call", "media", "sip", "recorder", "desk", "store"}, tests: true, why: "properties are tested, not shipped"},
}

// impure are the packages that routing must not import, with the reason.
var impure = map[string]string{
	"os":            "decisions read nothing",
	"io":            "decisions read nothing",
	"net":           "decisions reach nobody",
	"net/http":      "decisions reach nobody",
	"sync":          "one goroutine owns the router: it needs no lock",
	"sync/atomic":   "one goroutine owns the router: it needs no lock",
	"context":       "a decision is not cancelled: it takes microseconds",
	"log":           "what happened is told by commands",
	"log/slog":      "what happened is told by commands",
	"math/rand":     "the same events give the same commands",
	"math/rand/v2":  "the same events give the same commands",
	"crypto/rand":   "the same events give the same commands",
	"runtime":       "the same events give the same commands",
	"unsafe":        "a value has no need of it",
	"os/signal":     "decisions read nothing",
	"path/filepath": "decisions read nothing",
}

// clocks are the names of package time that read the clock or wait.
var clocks = map[string]bool{
	"Now": true, "Since": true, "Until": true, "Sleep": true, "After": true,
	"AfterFunc": true, "NewTimer": true, "NewTicker": true, "Tick": true,
}

// nouns that say nothing, and are not names of packages here.
var empty = map[string]bool{
	"pkg": true, "util": true, "utils": true, "common": true, "types": true, "models": true,
	"helper": true, "helpers": true, "base": true, "impl": true, "manager": true, "misc": true, "shared": true,
}
