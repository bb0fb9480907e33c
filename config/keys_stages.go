package config

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// The tables of a rollout's stages, and their short forms.

// linear is what `stages: {linear: 10, every: 1m}` holds.
type linear struct {
	step  float64
	every time.Duration
}

// stagesKey reads a list of stages, a preset's name, or a linear climb. The
// two short forms are also written out as Stages.
func stagesKey() key[Rollout] {
	const want = "a list of stages, progressive, {linear: 10, every: 1m} or a name such as Canary10Percent5Minutes"
	stages := list(stageKind(), 1)
	climb := mapping(linear{},
		needs("linear", "Percent added by each stage.", percent(), func(l *linear) *float64 { return &l.step }),
		needs("every", "How long each stage lasts.", duration(time.Second), func(l *linear) *time.Duration { return &l.every }),
	)
	return key[Rollout]{
		name: "stages", doc: "Steps of the rollout: " + want + ".",
		schema: schema{"anyOf": []any{stages.schema, climb.schema, schema{"type": "string", "pattern": `^progressive$|` + presetPattern + `|` + reference}}},
		read: func(d *decoder, n *node, path string, dst *Rollout) {
			switch n.kind {
			case listNode:
				stages.read(d, n, path, &dst.Stages)
			case mapNode:
				var l linear
				climb.read(d, n, path, &l)
				dst.climb(d, n, path, l)
			default:
				dst.preset(d, n, path, want)
			}
		},
		show: func(r *Rollout) any {
			switch {
			case r.Preset != "":
				return r.Preset
			case r.Linear != 0:
				return climb.show(linear{r.Linear, r.Every})
			}
			return stages.show(r.Stages)
		},
	}
}

func (r *Rollout) climb(d *decoder, n *node, path string, l linear) {
	r.Linear, r.Every = l.step, l.every
	if l.step < 1 && n.field("linear") != nil && !d.opaque(child(path, "linear")) {
		d.fault(child(path, "linear"), "want a step of at least 1 percent")
		return
	}
	r.Stages = climbing(l.step, l.every)
}

func (r *Rollout) preset(d *decoder, n *node, path, want string) {
	text, known, ok := d.text(n, path, want)
	if !ok || !known {
		return
	}
	made, err := preset(text)
	if err != nil {
		d.bad(n, path, text, want, err)
		return
	}
	r.Preset, r.Stages = text, made
}

func climbing(step float64, every time.Duration) []Stage {
	var made []Stage
	stepBP := int(step*100 + 0.5)
	for bp := stepBP; stepBP > 0; bp += stepBP {
		bp = min(bp, 10_000)
		made = append(made, Stage{Name: fmt.Sprintf("stage-%d", len(made)+1), WeightBP: bp, Duration: every})
		if bp == 10_000 {
			break
		}
	}
	return made
}

// presetPattern holds the names of AWS CodeDeploy and SAM.
const presetPattern = `^(?:CodeDeployDefault\.)?(?:Lambda|ECS)?(?:(Canary)(\d+)Percent(\d+)Minutes?|(Linear)(\d+)PercentEvery(\d+)Minutes?|(AllAtOnce))$`

func preset(text string) ([]Stage, error) {
	if text == "progressive" {
		made := make([]Stage, 0, 5)
		for i, percent := range []int{5, 25, 50, 75, 100} {
			made = append(made, Stage{Name: fmt.Sprintf("stage-%d", i+1), WeightBP: percent * 100, Duration: 10 * time.Minute})
		}
		return made, nil
	}
	parts := regexp.MustCompile(presetPattern).FindStringSubmatch(text)
	switch {
	case parts == nil:
		return nil, errShape
	case parts[7] != "":
		return []Stage{{Name: "stage-1", WeightBP: 10_000}}, nil
	}
	percentText, minutesText := parts[2]+parts[5], parts[3]+parts[6]
	percent, err1 := strconv.Atoi(percentText)
	minutes, err2 := strconv.Atoi(minutesText)
	if err1 != nil || err2 != nil || percent < 1 || percent > 99 || minutes < 1 || minutes > 100_000 {
		return nil, errors.New("the percentage must be from 1 to 99, the time at least a minute")
	}
	every := time.Duration(minutes) * time.Minute
	if parts[1] != "" {
		return []Stage{{Name: "stage-1", WeightBP: percent * 100, Duration: every}, {Name: "stage-2", WeightBP: 10_000}}, nil
	}
	return climbing(float64(percent), every), nil
}

func stageKind() kind[Stage] {
	return mapping(Stage{},
		has("name", "The stage's name, unique; default stage-1 and so on.", name(), func(s *Stage) *string { return &s.Name }),
		needs("weight", "The canary's share in percent.", weight(), func(s *Stage) *int { return &s.WeightBP }),
		has("duration", "How long the stage lasts at least.", duration(0), func(s *Stage) *time.Duration { return &s.Duration }),
		has("min_requests", "Requests of the canary that the stage needs at least.", countKind(), func(s *Stage) *int { return &s.MinRequests }),
		has("approval", "Needed to enter the stage: manual, or {timeout, then}.", optional(approvalKind()), func(s *Stage) **Approval { return &s.Approval }),
		has("success", "Besides the rollout's; a metric named here replaces the rollout's conditions on it.", seldom(criteria(false)), func(s *Stage) *Criteria { return &s.Success }),
	)
}

// seldom is criteria that are shown only where there are any.
func seldom(k kind[Criteria]) kind[Criteria] {
	show := k.show
	k.show = func(c Criteria) any {
		if len(c) == 0 {
			return nil
		}
		return show(c)
	}
	return k
}
