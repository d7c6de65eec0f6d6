package config

import (
	"time"
)

// Desk is the Help Desk.
type Desk struct {
	// Signed out after so long without a word of the page.
	Idle time.Duration `yaml:"idle"`
	// Signed out so long after the sign-in, whatever happens.
	Session time.Duration `yaml:"session"`
	// Sign-in by OpenID Connect, beside passwords.
	OpenID OpenID `yaml:"openid"`
}

// OpenID is a provider of OpenID Connect.
type OpenID struct {
	// The provider's issuer, such as https://login.example/realms/main; empty: none.
	Issuer string `yaml:"issuer"`
	// What the provider calls this Help Desk.
	ClientID string `yaml:"client_id"`
	// What it proves itself with.
	ClientSecret Secret `yaml:"client_secret"`
	// The Help Desk's address as browsers write it; the provider sends people back to it with /desk/openid/back behind.
	URL string `yaml:"url"`
	// What the button says.
	Label string `yaml:"label"`
}

// User is a person who signs in at the Help Desk and takes no calls.
type User struct {
	// ID is the user's name in the file, by which they sign in.
	ID string `yaml:"-"`

	// The person's name as shown; without one the key.
	Name string `yaml:"name"`
	// What they may do: supervisor (see and order everything about calls and agents), admin (everything).
	Role string `yaml:"role" jsonschema:"enum=supervisor,enum=admin"`
	// Hash of the password, made by trunkline passwd; empty: no sign-in by password.
	Login Secret `yaml:"login"`
	// The address by which OpenID Connect knows them; empty: no sign-in by it.
	Email string `yaml:"email"`
}
