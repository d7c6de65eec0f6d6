package api

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

// The cost of a password's hash: OWASP's second choice for argon2id, which
// takes some 25 ms and 19 MiB here. config/check_desk.go holds what it accepts.
const (
	hashMemory = 19 << 10 // KiB
	hashTurns  = 2
	hashLanes  = 1
	hashSalt   = 16
	hashLength = 32
)

// MinPassword and MaxPassword bound a page's password, in characters and bytes.
const (
	MinPassword = 12
	MaxPassword = 1000
)

// ErrPassword says why a password is not taken.
var ErrPassword = errors.New("choose a password of 12 characters or more, such as four words")

// HashPassword makes what `login:` in the configuration takes.
func HashPassword(password string) (string, error) {
	if utf8.RuneCountInString(password) < MinPassword || len(password) > MaxPassword || !utf8.ValidString(password) {
		return "", ErrPassword
	}
	salt := make([]byte, hashSalt)
	if _, err := rand.Read(salt); err != nil {
		return "", err
	}
	sum := argon2.IDKey([]byte(password), salt, hashTurns, hashMemory, hashLanes, hashLength)
	text := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, hashMemory, hashTurns, hashLanes, text(salt), text(sum)), nil
}

// nobodysHash is compared with where there is no account, so that it takes as long.
var nobodysHash = fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, hashMemory, hashTurns, hashLanes,
	base64.RawStdEncoding.EncodeToString(make([]byte, hashSalt)), base64.RawStdEncoding.EncodeToString(make([]byte, hashLength)))

// passwordIs compares a password with a hash. It takes as long for every
// password, and a hash that cannot be read is nobody's.
func passwordIs(hash, password string) bool {
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return false
	}
	cost := map[string]int{}
	for _, part := range strings.Split(parts[3], ",") {
		name, value, _ := strings.Cut(part, "=")
		cost[name], _ = strconv.Atoi(value)
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(parts[4])
	want, err2 := base64.RawStdEncoding.DecodeString(parts[5])
	if err1 != nil || err2 != nil || cost["t"] < 1 || cost["p"] < 1 || cost["p"] > 255 || cost["m"] < 1 || cost["m"] > 1<<20 || len(want) == 0 {
		return false
	}
	got := argon2.IDKey([]byte(password), salt, uint32(cost["t"]), uint32(cost["m"]), uint8(cost["p"]), uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1
}
