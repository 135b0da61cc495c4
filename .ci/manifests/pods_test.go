package manifests

import (
	"maps"
	"slices"
	"strings"
	"testing"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// pod is a template, by the name of the Deployment or Job that has it.
type pod struct {
	name string
	job  bool
	core.PodTemplateSpec
}

func (m *manifests) pods() []pod {
	var out []pod
	for _, d := range m.deployments {
		out = append(out, pod{d.Name, false, d.Spec.Template})
	}
	for _, j := range m.jobs {
		out = append(out, pod{j.Name, true, j.Spec.Template})
	}
	return out
}

func (p pod) containers() []core.Container {
	return append(slices.Clone(p.Spec.InitContainers), p.Spec.Containers...)
}

// program is which of ours a container runs, "" for one of others.
func program(c core.Container) string {
	for _, name := range []string{"producer", "enricher"} {
		if strings.Contains(c.Image, "/"+name+":") || strings.HasPrefix(c.Image, "careerstream-"+name+":") {
			return name
		}
	}
	return ""
}

// ours are the pods with a container of our programs.
func (m *manifests) ours() []pod {
	return slices.DeleteFunc(m.pods(), func(p pod) bool { return program(p.Spec.Containers[0]) == "" })
}

// each runs a check on both overlays.
func each(t *testing.T, check func(t *testing.T, m *manifests)) {
	t.Helper()
	for _, overlay := range overlays {
		t.Run(overlay, func(t *testing.T) {
			t.Parallel()
			check(t, build(t, overlay))
		})
	}
}

func matches(t *testing.T, s *meta.LabelSelector, set map[string]string) bool {
	t.Helper()
	selector, err := meta.LabelSelectorAsSelector(s)
	if err != nil {
		t.Fatal(err)
	}
	return !selector.Empty() && selector.Matches(labels.Set(set))
}

// What runs is allowed nothing that it does not need: the restricted standard, and
// no access to the cluster's API.
func TestPodsAreRestricted(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, m *manifests) {
		for _, p := range m.pods() {
			s := p.Spec.SecurityContext
			if s == nil || s.RunAsNonRoot == nil || !*s.RunAsNonRoot || s.SeccompProfile == nil || s.SeccompProfile.Type != core.SeccompProfileTypeRuntimeDefault {
				t.Errorf("%s is not restricted: %+v", p.name, s)
			}
			if p.Spec.AutomountServiceAccountToken == nil || *p.Spec.AutomountServiceAccountToken {
				t.Errorf("%s has a token for the cluster's API", p.name)
			}
			for _, c := range p.containers() {
				s := c.SecurityContext
				if s == nil || s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation || s.Capabilities == nil || !slices.Contains(s.Capabilities.Drop, "ALL") {
					t.Errorf("%s: %s is not restricted: %+v", p.name, c.Name, s)
				}
				if program(c) != "" && (s == nil || s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem) {
					t.Errorf("%s: %s may write to its image", p.name, c.Name)
				}
				if _, tag, ok := strings.Cut(c.Image, ":"); !ok || tag == "latest" {
					t.Errorf("%s: the image %s is no version", p.name, c.Image)
				}
				if c.Resources.Requests.Memory().IsZero() || c.Resources.Limits.Memory().IsZero() {
					t.Errorf("%s: %s has no requests or limits", p.name, c.Name)
				}
			}
		}
	})
}

// The long-running pods are probed where they listen, and may finish what they have
// in hand.
func TestPodsAreProbedAndStopInTime(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, m *manifests) {
		for _, p := range m.ours() {
			if p.job {
				continue
			}
			c := p.Spec.Containers[0]
			for path, probe := range map[string]*core.Probe{"/livez": c.LivenessProbe, "/readyz": c.ReadinessProbe} {
				if probe == nil || probe.HTTPGet == nil || probe.HTTPGet.Path != path || probe.HTTPGet.Port.StrVal != c.Ports[0].Name {
					t.Errorf("%s is not asked at %s of port %s: %+v", p.name, path, c.Ports[0].Name, probe)
				}
			}
			if c.StartupProbe == nil || c.StartupProbe.HTTPGet.Path != "/livez" {
				t.Errorf("%s has no time to start", p.name)
			}
			// Both programs give up 45 s after they were told to stop.
			if grace := p.Spec.TerminationGracePeriodSeconds; grace == nil || *grace < 60 {
				t.Errorf("%s has not a minute to stop: %v", p.name, grace)
			}
			if want := m.env(t, c)["LISTEN"]; want != ":9090" || c.Ports[0].ContainerPort != 9090 {
				t.Errorf("%s listens at %s and says port %d", p.name, want, c.Ports[0].ContainerPort)
			}
		}
	})
}

// What selects pods selects those that it means.
func TestSelectorsSelect(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, m *manifests) {
		selected := func(what string, s *meta.LabelSelector) (names []string) {
			for _, p := range m.pods() {
				if matches(t, s, p.Labels) {
					names = append(names, p.name)
				}
			}
			if len(names) == 0 {
				t.Errorf("%s selects no pod", what)
			}
			return names
		}
		for _, d := range m.deployments {
			if got := selected(d.Name, d.Spec.Selector); !slices.Equal(got, []string{d.Name}) {
				t.Errorf("the deployment %s selects the pods of %v", d.Name, got)
			}
		}
		guarded := make(map[string]bool)
		for _, b := range m.budgets {
			for _, name := range selected("the budget "+b.Name, b.Spec.Selector) {
				guarded[name] = true
			}
		}
		if want := map[string]bool{"producer": true, "enricher": true}; !maps.Equal(guarded, want) {
			t.Errorf("disruption budgets hold for %v, want %v", guarded, want)
		}
		for _, s := range m.services {
			selected("the service "+s.Name, &meta.LabelSelector{MatchLabels: s.Spec.Selector})
		}
		for _, n := range m.networks {
			selected("the network policy "+n.Name, &n.Spec.PodSelector)
		}
		for _, o := range m.monitors {
			if got := selected("the monitor "+o.Name, &o.Spec.Selector); !slices.Equal(got, []string{"producer", "enricher"}) {
				t.Errorf("scraped are %v", got)
			}
			if port := o.Spec.PodMetricsEndpoints[0].Port; port == nil || *port != "metrics" {
				t.Errorf("the monitor asks the port %v", port)
			}
		}
	})
}
