// Package app is the composition root: it reads the configuration, builds the
// parts and runs them. It is the only place that knows flags, environment and
// files, and the only one where all packages meet. What both programs have they
// share; what only the enricher has stands in files that begin with enrich.
//
//	process.go, producer.go, enricher.go   the processes: which verb runs
//	exit.go, log.go                        exit codes, the logger
//	parse.go, help.go, completion*.go      how a command line is read, help and completion
//	cli.go, enricher_cli.go, *_wishes.go   the verbs, and what some of them are asked for
//	settings.go, enricher_settings.go      settings as text
//	config.go, enricher_config.go          what they mean: every mistake at once
//	formats.go                             the format of the values, and their schema registry
//	connections.go, values.go              the same for what both programs have, and for single values
//	file.go                                the YAML file, which both programs may share
//	sync.go, ports.go                      wiring: a run, and the adapters as the loop wants to see them
//	run.go, rotate.go, progress*.go        what a long process has besides: metrics, a new key, how far it is
//	desk.go, facts.go, purse.go            what the read-only verbs look through
//	status*.go, plan*.go, estimate.go, rehearse.go, state*.go, confirm.go, check*.go, topics.go, schemas.go   these verbs
//	enrich.go, enrich_ports.go             wiring of the enricher, and its adapters
//	enrich_desk.go, enrich_lag*.go, enrich_memory.go, enrich_flow.go, enrich_why.go   what its read-only verbs look through
//	enrich_status*.go, enrich_plan.go, enrich_survey*.go, enrich_check*.go, enricher_topics.go   these verbs
//	enrich_request.go, redrive*.go, enrich_publish.go   requests, and dead letters as requests again
package app
