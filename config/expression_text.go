package config

// MarshalText writes e as it stands in the file, so that a condition which is
// saved with a rollout can be carried out again after a restart.
func (e *Expression) MarshalText() ([]byte, error) { return []byte(e.text), nil }

// UnmarshalText reads what MarshalText wrote. A text that this release does not
// understand makes an expression that is never known to hold: no stage passes on
// it, and what is saved beside it stays readable.
func (e *Expression) UnmarshalText(text []byte) error {
	read, err := compileExpression(string(text))
	if err != nil {
		*e = Expression{text: string(text)}
		return nil
	}
	*e = *read
	return nil
}
