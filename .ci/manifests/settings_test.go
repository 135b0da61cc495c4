package manifests

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	core "k8s.io/api/core/v1"
)

// env is what a container of ours finds in its environment.
func (m *manifests) env(t *testing.T, c core.Container) map[string]string {
	t.Helper()
	out := make(map[string]string)
	for _, from := range c.EnvFrom {
		i := slices.IndexFunc(m.configs, func(o core.ConfigMap) bool { return o.Name == from.ConfigMapRef.Name })
		if i < 0 {
			t.Fatalf("%s wants the ConfigMap %s, which is not there", c.Name, from.ConfigMapRef.Name)
		}
		for name, value := range m.configs[i].Data {
			out[name] = value
		}
	}
	for _, e := range c.Env {
		if e.Name != "GOMEMLIMIT" { // the Go runtime's
			out[e.Name] = e.Value
		}
	}
	return out
}

// binaries are our programs, built once.
var binaries = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "manifests-test-")
	if err != nil {
		return "", err
	}
	build := exec.Command("go", "build", "-o", dir+"/", "./producer", "./enricher")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %s", out)
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := binaries(); err == nil {
		_ = os.RemoveAll(dir) // it is in the system's temporary folder
	}
	os.Exit(code)
}

func binary(t *testing.T, name string) string {
	t.Helper()
	dir, err := binaries()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, name)
}

// What our programs are told is what they understand: the verb, the names of the
// settings, and their values.
func TestEveryCommandAndSettingIsUnderstood(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, m *manifests) {
		for _, p := range m.ours() {
			for _, c := range p.containers() {
				program := binary(t, program(c))
				if out, err := exec.Command(program, append(slices.Clone(c.Args), "--help")...).CombinedOutput(); err != nil {
					t.Errorf("%s: %v: %v\n%s", p.name, c.Args, err, out)
				}
				known, err := exec.Command(program, "settings").CombinedOutput()
				if err != nil {
					t.Fatalf("%v\n%s", err, known)
				}
				files := m.mounted(t, p, c)
				// Whether anything lives here is asked with the settings of the container:
				// where one of them is wrong the answer is 2, and 1 where nothing listens.
				ask := exec.Command(program, "check", "--live")
				for name, value := range m.env(t, c) {
					if !strings.Contains(string(known), name) {
						t.Errorf("%s: %s is no setting of the %s", p.name, name, program)
					}
					if strings.HasSuffix(name, "_FILE") {
						value = files(name, value)
					}
					if name == "LISTEN" {
						value = "127.0.0.1:1"
					}
					ask.Env = append(ask.Env, name+"="+value)
				}
				out, err := ask.CombinedOutput()
				var exit *exec.ExitError
				if !errors.As(err, &exit) || exit.ExitCode() != 1 {
					t.Errorf("%s: %v with its settings: %v\n%s", p.name, ask.Args, err, out)
				}
			}
		}
	})
}

// documented are the keys of the Secret that a user of prod brings.
var documented = map[string]string{
	"jobo-api-key": "jbe_test_manifests-000000000001_manifests-00000000000000000000000000000001", "redis-url": "redis://:secret@redis:6379/0", "kafka-password": "secret",
}

// mounted returns a function that puts the secret behind a path of the container
// into a file of this machine.
func (m *manifests) mounted(t *testing.T, p pod, c core.Container) func(setting, at string) string {
	t.Helper()
	dir := t.TempDir()
	return func(setting, at string) string {
		for _, mount := range c.VolumeMounts {
			v := p.Spec.Volumes[slices.IndexFunc(p.Spec.Volumes, func(v core.Volume) bool { return v.Name == mount.Name })]
			key := path.Base(at)
			if path.Dir(at) != mount.MountPath || v.Secret == nil {
				continue
			}
			if !slices.ContainsFunc(v.Secret.Items, func(i core.KeyToPath) bool { return i.Path == key }) && len(v.Secret.Items) > 0 {
				t.Errorf("%s: the file of %s is not among %v", p.name, setting, v.Secret.Items)
			}
			if !mount.ReadOnly || v.Secret.DefaultMode == nil || *v.Secret.DefaultMode != 0o440 {
				t.Errorf("%s: others can read, or write, the file of %s", p.name, setting)
			}
			return m.secret(t, v.Secret.SecretName, key, dir)
		}
		t.Errorf("%s: %s names %s, where nothing is mounted", p.name, setting, at)
		return at
	}
}

func (m *manifests) secret(t *testing.T, name, key, dir string) string {
	t.Helper()
	value, ok := documented[key]
	if i := slices.IndexFunc(m.secrets, func(s core.Secret) bool { return s.Name == name }); i >= 0 {
		var bytes []byte
		bytes, ok = m.secrets[i].Data[key]
		value = string(bytes)
	} else if name != "careerstream" {
		ok = false
	}
	if !ok {
		t.Errorf("the secret %s has no key %s", name, key)
	}
	file := filepath.Join(dir, key)
	if err := os.WriteFile(file, []byte(value), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
