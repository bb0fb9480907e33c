package config

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
)

const maxRegex = 1024 // characters

// pattern is a regular expression (RE2). anchored ones must match the whole value.
func pattern(anchored bool) kind[*regexp.Regexp] {
	return scalar("a regular expression (RE2)", func(s string) (*regexp.Regexp, error) {
		if s == "" {
			return nil, errShape
		}
		if len(s) > maxRegex {
			return nil, fmt.Errorf("it has %d characters, the limit is %d", len(s), maxRegex)
		}
		if err := checkRegex(s); err != nil {
			return nil, err
		}
		if anchored {
			s = anchorOpen + s + anchorClose
		}
		re, err := regexp.Compile(s)
		if err != nil {
			return nil, regexFault(err)
		}
		return re, nil
	}, func(re *regexp.Regexp) any {
		if re == nil {
			return nil
		}
		return strings.TrimSuffix(strings.TrimPrefix(re.String(), anchorOpen), anchorClose)
	}, schema{"type": "string", "minLength": 1, "maxLength": maxRegex})
}

// maxProgram caps what a short expression such as (a{30}){30} unfolds to.
const maxProgram = 10_000

func checkRegex(s string) error {
	parsed, err := syntax.Parse(s, syntax.Perl)
	if err != nil {
		return regexFault(err)
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return regexFault(err)
	}
	if len(program.Inst) > maxProgram {
		return fmt.Errorf("it unfolds to %d steps, the limit is %d", len(program.Inst), maxProgram)
	}
	return nil
}

const anchorOpen, anchorClose = `^(?:`, `)$`

func regexFault(err error) error {
	return errors.New(strings.TrimPrefix(err.Error(), "error parsing regexp: "))
}
