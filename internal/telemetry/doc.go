// Package telemetry is how a program is watched from outside: a small HTTP server
// with health, state and metrics, the registry that the metrics stand in, and
// OpenTelemetry traces.
//
// It knows nothing of what the program does. Whether the program is alive and
// ready, and what its state is, come as functions ([ServerOptions]); metrics are
// registered by the packages that move them.
//
//	registry := telemetry.NewRegistry("producer", version)
//	server, err := telemetry.Listen(":9090", telemetry.ServerOptions{Registry: registry, Live: alive})
//	defer server.Close(ctx)
//
// # What the server answers
//
//	GET /metrics   the registry, in the Prometheus and OpenMetrics formats
//	GET /livez     200, or 503 with the reason: the program should be restarted
//	GET /readyz    200, or 503 with the checks that fail; ?verbose lists all of them
//	GET /status    what the program is doing, as JSON
//	GET /          this list
//
// Liveness must say only whether the program itself still moves. One that asks
// Kafka or Redis there is restarted when they are down, which mends nothing and
// throws away what it has in hand.
//
// There is no profiler here, nothing that changes anything, and no
// authentication: what the functions return must be fit for everyone who can
// reach the port.
package telemetry
