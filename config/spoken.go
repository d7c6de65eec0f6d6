package config

import (
	"time"
)

// Prompts says where prompts come from.
type Prompts struct {
	// Language of callers whose flow sets none; en and es are shipped.
	Language string `yaml:"language"`
	// Folder of WAV files that take the place of shipped prompts of their name, or are prompts too; in it a folder for each other language, such as es/welcome.wav.
	Folder string `yaml:"folder"`
}

// TTS speaks texts: a command or an endpoint. What was spoken is kept in data_dir.
type TTS struct {
	// Program and its arguments, without a shell: the text is {text} in one of them or comes on standard input, the WAV is written to {out} or standard output.
	Command []string `yaml:"command"`
	// Endpoint that takes what OpenAI's /v1/audio/speech takes.
	URL string `yaml:"url"`
	// Key that the endpoint asks for, if it does.
	Key Secret `yaml:"key"`
	// Model that the endpoint is to use.
	Model string `yaml:"model"`
	// Voice that the endpoint is to use; {voice} in the command.
	Voice string `yaml:"voice"`
	// How long one text may take.
	Timeout time.Duration `yaml:"timeout"`
}

// Speaks says that there is something that speaks.
func (t TTS) Speaks() bool { return len(t.Command) > 0 || t.URL != "" }
