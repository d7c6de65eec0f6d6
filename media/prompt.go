package media

// Prompt returns the shipped prompt of that name.
func Prompt(name string) (*Clip, bool) { return nil, false }

// PromptNames returns the names of the shipped prompts in alphabetical order.
func PromptNames() []string { return nil }
