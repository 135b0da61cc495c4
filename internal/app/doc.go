// Package app is the composition root: it reads the configuration, builds the
// parts and runs them. It is the only place that knows flags, environment and
// files, and the only one where all packages meet.
//
//	cli.go, help.go, completion*.go    the verbs, their help and completion
//	settings.go, config.go, values.go  settings as text, and what they mean: every mistake at once
//	file.go                            the YAML file
//	producer.go, exit.go, log.go       the process: which verb runs, exit codes, the logger
//	sync.go, ports.go                  wiring: a run, and the adapters as the loop wants to see them
//	run.go, rotate.go, progress*.go    what a long process has besides: metrics, a new key, how far it is
//	desk.go, facts.go, purse.go        what the read-only verbs look through
//	status*.go, plan*.go, estimate.go, rehearse.go, state*.go, check*.go, topics.go   these verbs
package app
