package teacher

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"longlora/internal/strict"
	"longlora/longqa/endpoint"
)

// Recipe is the section "teacher" of a recipe: the endpoint, the model, and what to ask.
type Recipe struct {
	endpoint.Options `yaml:",inline"`
	Model            string            `yaml:"model"`
	Settings         endpoint.Settings `yaml:"settings"`
	// Questions is the number of questions of a call; 0 means 3.
	Questions int `yaml:"questions"`
	// Types are the types of questions by weight; none means all that suit a context's genre, alike.
	Types map[string]float64 `yaml:"types"`
	// PerContext is the number of types that are asked about one context; 0 means 2.
	PerContext int `yaml:"types_per_context"`
	// Contexts is the most contexts that are asked about; 0 means all.
	Contexts int `yaml:"contexts"`
	// Language is the language of questions and answers; "" is that of the material.
	Language string `yaml:"language"`
	// Attempts is how often a reply that is no JSON is asked for again; 0 means 2 in all.
	Attempts int    `yaml:"attempts"`
	Critic   Critic `yaml:"critic"`
}

// Critic is the second call about every answer.
type Critic struct {
	// Off leaves the critic out.
	Off bool `yaml:"off"`
	// Model is another model at the same endpoint; "" is the teacher.
	Model string `yaml:"model"`
	// MinScore is the least score from 1 to 5 that an answer needs; 0 means 4.
	MinScore int `yaml:"min_score"`
}

// OpenRecipe reads a file whose section "teacher" is a recipe.
func OpenRecipe(path string) (Recipe, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Recipe{}, fmt.Errorf("recipe: %w", err)
	}
	var file struct {
		Teacher *Recipe `yaml:"teacher"`
	}
	err = strict.Decode(data, &file)
	switch {
	case errors.Is(err, io.EOF), err == nil && file.Teacher == nil:
		err = errors.New("no section teacher")
	case err == nil:
		*file.Teacher = file.Teacher.filled()
		if err = file.Teacher.Validate(); err == nil {
			return *file.Teacher, nil
		}
	}
	return Recipe{}, fmt.Errorf("recipe %s: %w", path, err)
}

// filled puts the defaults into the place of zeros.
func (r Recipe) filled() Recipe {
	for _, d := range []struct {
		to    *int
		value int
	}{
		{&r.Questions, 3}, {&r.PerContext, 2}, {&r.Attempts, 2}, {&r.Critic.MinScore, 4},
		{&r.Settings.MaxTokens, 2048},
	} {
		if *d.to == 0 {
			*d.to = d.value
		}
	}
	if r.Critic.Model == "" {
		r.Critic.Model = r.Model
	}
	return r
}

// Validate reports every problem at once.
func (r Recipe) Validate() error {
	errs := []error{r.Options.Validate()}
	need := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	need(r.Model != "", "teacher has no model")
	need(r.Questions >= 0 && r.Questions <= 20, "questions is %d, want 1 to 20", r.Questions)
	need(r.Contexts >= 0, "contexts is %d, want at least 0", r.Contexts)
	need(r.PerContext >= 0, "types_per_context is %d, want at least 1", r.PerContext)
	need(r.Attempts >= 0 && r.Attempts <= 5, "attempts is %d, want 1 to 5", r.Attempts)
	need(r.Critic.MinScore >= 0 && r.Critic.MinScore <= 5, "critic.min_score is %d, want 1 to 5",
		r.Critic.MinScore)
	need(r.Settings.MaxTokens >= 0, "settings.max_tokens is %d, want at least 1", r.Settings.MaxTokens)
	all := 0.0
	for name, weight := range r.Types {
		_, ok := findAsk(name)
		need(ok, "there is no question type %q; there are %s", name, strings.Join(Asks(), ", "))
		need(weight >= 0, "type %s has the weight %g", name, weight)
		all += weight
	}
	need(len(r.Types) == 0 || all > 0, "all types have the weight 0")
	return errors.Join(errs...)
}

// config is what rows depend on: neither the endpoint nor its limits.
func (r Recipe) config() map[string]any {
	return map[string]any{
		"model": r.Model, "settings": r.Settings, "questions": r.Questions, "types": r.Types,
		"types_per_context": r.PerContext, "language": r.Language, "attempts": r.Attempts,
		"critic": map[string]any{
			"off": r.Critic.Off, "model": r.Critic.Model, "min_score": r.Critic.MinScore,
		},
		"prompts": promptsDigest(),
	}
}
