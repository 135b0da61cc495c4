package manifests

import (
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	networking "k8s.io/api/networking/v1"
)

// The ports that the settings name are those that a network policy lets through,
// and no policy lets anything through that no setting names.
func TestTheNetworkAllowsWhatTheSettingsName(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, m *manifests) {
		for _, p := range m.ours() {
			want := map[int]bool{53: true}
			for _, c := range p.containers() {
				env := m.env(t, c)
				for _, broker := range strings.Split(env["KAFKA_BROKERS"], ",") {
					want[port(t, "kafka://"+broker)] = true
				}
				want[port(t, env["SCHEMA_REGISTRY_URL"])] = true
				if p.job {
					continue
				}
				want[6379] = true
				api := env["JOBO_BASE_URL"]
				if api == "" {
					api = "https://connect.jobo.world"
				}
				want[port(t, api)] = true
			}
			got := make(map[int]bool)
			for _, n := range m.networks {
				if !matches(t, &n.Spec.PodSelector, p.Labels) {
					continue
				}
				for _, rule := range n.Spec.Egress {
					if len(rule.To) == 0 {
						t.Errorf("%s lets %s talk to everybody", n.Name, p.name)
					}
					for _, port := range rule.Ports {
						got[port.Port.IntValue()] = true
					}
				}
			}
			for port := range want {
				if !got[port] {
					t.Errorf("%s can't reach port %d", p.name, port)
				}
			}
			for port := range got {
				if !want[port] {
					t.Errorf("%s may reach port %d, which no setting names", p.name, port)
				}
			}
		}
		if !slices.ContainsFunc(m.networks, func(n networking.NetworkPolicy) bool {
			return len(n.Spec.PolicyTypes) == 2 && len(n.Spec.Egress)+len(n.Spec.Ingress) == 0
		}) {
			t.Error("what is not allowed is not denied")
		}
	})
}

func port(t *testing.T, address string) int {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	if u.Port() == "" && u.Scheme == "https" {
		return 443
	}
	n, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatalf("%s has no port", address)
	}
	return n
}

// KEDA looks at the group and the topics that the enricher works on, and starts no
// more replicas than there are partitions.
func TestReplicasFollowTheEnrichersLag(t *testing.T) {
	t.Parallel()
	m := build(t, "prod")
	for _, d := range m.deployments {
		if (d.Spec.Replicas == nil) != (d.Name == "enricher") {
			t.Errorf("%s has %v replicas of its own", d.Name, d.Spec.Replicas)
		}
		if d.Name != "enricher" {
			continue
		}
		env, s := m.env(t, d.Spec.Template.Spec.Containers[0]), m.scales[0].Spec
		if s.ScaleTargetRef.Name != d.Name || s.MaxReplicaCount == nil || strconv.Itoa(int(*s.MaxReplicaCount)) != env["TOPIC_PARTITIONS"] {
			t.Errorf("%s has up to %v replicas, for %s partitions", s.ScaleTargetRef.Name, s.MaxReplicaCount, env["TOPIC_PARTITIONS"])
		}
		var topics []string
		for _, trigger := range s.Triggers {
			about := trigger.Metadata
			topics = append(topics, about["topic"])
			if about["bootstrapServers"] != env["KAFKA_BROKERS"] || about["consumerGroup"] != "jobo-enricher" || trigger.Type != "kafka" {
				t.Errorf("KEDA looks at %v, the enricher at %s", about, env["KAFKA_BROKERS"])
			}
			if trigger.AuthenticationRef == nil || trigger.AuthenticationRef.Name != m.triggers[0].Name {
				t.Errorf("KEDA has no way into %s", about["bootstrapServers"])
			}
		}
		if want := []string{"jobo.career-sites.v1", "jobo.company-requests.v1"}; !slices.Equal(topics, want) {
			t.Errorf("replicas follow %v, want %v", topics, want)
		}
	}
	for _, name := range []string{"CAREER_SITES_TOPIC", "REQUESTS_TOPIC", "ENRICH_GROUP"} {
		for _, c := range m.configs {
			if _, ok := c.Data[name]; ok {
				t.Errorf("%s is not the default: scale.yaml has to say so too", name)
			}
		}
	}
}

// The servers of dev are those of the compose file, and what the settings name is a
// service of theirs.
func TestDevHasTheServersOfCompose(t *testing.T) {
	t.Parallel()
	compose, err := os.ReadFile("../../deployments/compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	m := build(t, "dev")
	services := make(map[string]bool)
	for _, s := range m.services {
		for _, p := range s.Spec.Ports {
			services[net.JoinHostPort(s.Name, strconv.Itoa(int(p.Port)))] = true
		}
	}
	for _, d := range m.deployments {
		c := d.Spec.Template.Spec.Containers[0]
		if program(c) == "" && !strings.HasPrefix(c.Image, "careerstream-") && !strings.Contains(string(compose), "image: "+c.Image+"\n") {
			t.Errorf("compose.yaml has another image than %s", c.Image)
		}
		if program(c) == "" {
			continue
		}
		env := m.env(t, c)
		for _, address := range []string{env["KAFKA_BROKERS"], env["SCHEMA_REGISTRY_URL"], env["JOBO_BASE_URL"], string(m.secrets[0].Data["redis-url"])} {
			_, address, found := strings.Cut("//"+address, "//")
			if _, after, ok := strings.Cut(address, "//"); ok && found {
				address = after
			}
			if host, _, _ := strings.Cut(address, "/"); !services[host] {
				t.Errorf("%s looks for %s, which is no service of %v", d.Name, host, services)
			}
		}
	}
	key, err := os.ReadFile("../../deployments/secrets/simulator-api-key")
	if err != nil {
		t.Fatal(err)
	}
	if got := string(m.secrets[0].Data["jobo-api-key"]); got != strings.TrimSpace(string(key)) {
		t.Errorf("the key of dev is %s", got)
	}
}
