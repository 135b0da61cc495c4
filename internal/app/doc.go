// Package app is the composition root: it reads the configuration, builds the
// parts and runs them. It is the only place that knows flags, environment and
// files, and the only one where all packages meet.
//
//	settings.go  the settings of the producer, as flags, environment and YAML
//	config.go    from settings to a Config, with every mistake at once
//	values.go    how single values are read
//	file.go      the YAML file
//	producer.go  the verbs of the producer
//	exit.go      exit codes
//	log.go       the logger
package app
