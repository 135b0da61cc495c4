package telemetry

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// The variables that decide whether and where spans go, from the OpenTelemetry
// specification. The SDK itself reads OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES,
// OTEL_TRACES_SAMPLER and the OTEL_BSP_ and OTEL_SPAN_ limits from the process's
// environment.
const (
	envEndpoint       = "OTEL_EXPORTER_OTLP_ENDPOINT"
	envTracesEndpoint = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
	envDisabled       = "OTEL_SDK_DISABLED"
	envExporter       = "OTEL_TRACES_EXPORTER"
)

// Trace returns where a program's spans go. It is a provider that does nothing,
// and shutdown does nothing either, unless getenv knows an endpoint for OTLP over
// HTTP and neither OTEL_SDK_DISABLED=true nor OTEL_TRACES_EXPORTER=none is set.
//
// shutdown delivers what is left and ends every goroutine. Call it once, after
// the last span, with a ctx that has time left: it bounds how long shutdown waits,
// and one that has ended leaves the SDK's goroutine behind. The error of Trace
// names the variable that can't be used. What goes wrong while spans are
// delivered, the last ones too, goes to the handler that otel.SetErrorHandler set.
func Trace(ctx context.Context, service, version string, getenv func(string) string) (_ trace.TracerProvider, shutdown func(context.Context) error, _ error) {
	target, err := tracesURL(getenv)
	if err != nil {
		return nil, nil, err
	}
	if target == nil {
		return noop.NewTracerProvider(), func(context.Context) error { return nil }, nil
	}
	client, err := newOTLP(target, getenv)
	if err != nil {
		return nil, nil, err
	}
	// Later ones win: who sets OTEL_SERVICE_NAME means it.
	what, err := resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithAttributes(attribute.String("service.name", service), attribute.String("service.version", version)),
		resource.WithFromEnv(),
	)
	if err != nil {
		return nil, nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	exporter, err := otlptrace.New(ctx, client)
	if err != nil {
		return nil, nil, fmt.Errorf("traces to %s: %w", target, err)
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithResource(what), sdktrace.WithBatcher(exporter))
	return provider, func(ctx context.Context) error {
		if err := provider.Shutdown(ctx); err != nil {
			return fmt.Errorf("end of the traces: %w", err)
		}
		return nil
	}, nil
}

// tracesURL returns where spans are sent to, nil for nowhere.
func tracesURL(getenv func(string) string) (*url.URL, error) {
	if strings.EqualFold(getenv(envDisabled), "true") {
		return nil, nil
	}
	name, value := envTracesEndpoint, getenv(envTracesEndpoint)
	if value == "" {
		name, value = envEndpoint, getenv(envEndpoint)
	}
	switch exporter := getenv(envExporter); {
	case exporter == "none" || value == "":
		return nil, nil
	case exporter != "" && exporter != "otlp":
		return nil, fmt.Errorf("%s is %q: want otlp or none, there is no other exporter here", envExporter, exporter)
	}
	for _, protocol := range []string{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"} {
		if p := getenv(protocol); p != "" {
			if p != "http/protobuf" {
				return nil, fmt.Errorf("%s is %q: want http/protobuf, the only protocol that is built in; a collector takes it on port 4318", protocol, p)
			}
			break // the first one rules
		}
	}
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		// Not the value itself: it may have a password in it.
		return nil, fmt.Errorf("%s is no URL to send to: want one like http://localhost:4318, without user info; credentials go into OTEL_EXPORTER_OTLP_HEADERS", name)
	}
	if name == envEndpoint {
		u = u.JoinPath("v1/traces") // the other one is taken as it is
	}
	return u, nil
}
