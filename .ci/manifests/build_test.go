package manifests

import (
	"flag"
	"os"
	"path/filepath"
	"sync"
	"testing"

	keda "github.com/kedacore/keda/v2/apis/keda/v1alpha1"
	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

var rendered = flag.String("rendered", "", "folder for what was built, a file for each overlay")

// kustomize is held by who builds: the library has state for the whole process.
var kustomize sync.Mutex

// overlays are what a user applies.
var overlays = []string{"dev", "prod"}

// manifests are the objects of one overlay.
type manifests struct {
	namespaces  []core.Namespace
	configs     []core.ConfigMap
	secrets     []core.Secret
	services    []core.Service
	deployments []apps.Deployment
	jobs        []batch.Job
	budgets     []policy.PodDisruptionBudget
	networks    []networking.NetworkPolicy
	scales      []keda.ScaledObject
	triggers    []keda.TriggerAuthentication
	monitors    []monitoring.PodMonitor
}

// build builds an overlay and decodes every object of it into the type of its
// kind. A field that the type has not is an error, and so is a kind that is not
// here.
func build(t *testing.T, overlay string) *manifests {
	t.Helper()
	kustomize.Lock()
	defer kustomize.Unlock()
	dir := filepath.Join("..", "..", "deployments", "kubernetes", "overlays", overlay)
	all, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		t.Fatalf("%s: %v", dir, err)
	}
	var m manifests
	for _, r := range all.Resources() {
		text, err := r.AsYAML()
		if err != nil {
			t.Fatalf("%s: %s: %v", overlay, r.CurId(), err)
		}
		if err := m.take(r.GetGvk().String(), text); err != nil {
			t.Errorf("%s: %s %s: %v", overlay, r.GetKind(), r.GetName(), err)
		}
		if ns := r.GetNamespace(); r.GetKind() != "Namespace" && ns != m.namespaces[0].Name {
			t.Errorf("%s: %s %s is in the namespace %q", overlay, r.GetKind(), r.GetName(), ns)
		}
	}
	if *rendered != "" {
		text, err := all.AsYaml()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(*rendered, overlay+".yaml"), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return &m
}

// take adds one object.
func (m *manifests) take(kind string, text []byte) error {
	switch kind {
	case "Namespace.v1.[noGrp]":
		return add(&m.namespaces, text)
	case "ConfigMap.v1.[noGrp]":
		return add(&m.configs, text)
	case "Secret.v1.[noGrp]":
		return add(&m.secrets, text)
	case "Service.v1.[noGrp]":
		return add(&m.services, text)
	case "Deployment.v1.apps":
		return add(&m.deployments, text)
	case "Job.v1.batch":
		return add(&m.jobs, text)
	case "PodDisruptionBudget.v1.policy":
		return add(&m.budgets, text)
	case "NetworkPolicy.v1.networking.k8s.io":
		return add(&m.networks, text)
	case "ScaledObject.v1alpha1.keda.sh":
		return add(&m.scales, text)
	case "TriggerAuthentication.v1alpha1.keda.sh":
		return add(&m.triggers, text)
	case "PodMonitor.v1.monitoring.coreos.com":
		return add(&m.monitors, text)
	}
	return errUnknown(kind)
}

type errUnknown string

func (e errUnknown) Error() string { return "no type to check " + string(e) + " by" }

func add[T any](list *[]T, text []byte) error {
	var one T
	if err := yaml.UnmarshalStrict(text, &one); err != nil {
		return err
	}
	*list = append(*list, one)
	return nil
}

// A mistake in a manifest is found: a field that does not exist, one of the wrong
// type, a kind that nobody knows.
func TestAMistakeIsFound(t *testing.T) {
	t.Parallel()
	for kind, text := range map[string]string{
		"Deployment.v1.apps":                  "spec: {replica: 2}",
		"Job.v1.batch":                        "spec: {backoffLimit: many}",
		"ScaledObject.v1alpha1.keda.sh":       "spec: {scaleTargetRef: {nam: enricher}}",
		"PodMonitor.v1.monitoring.coreos.com": "spec: {podMetricsEndpoint: []}",
		"Deployment.v2.apps":                  "spec: {}",
	} {
		if err := new(manifests).take(kind, []byte(text)); err == nil {
			t.Errorf("%s with %s is taken", kind, text)
		}
	}
}
