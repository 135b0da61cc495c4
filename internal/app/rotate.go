package app

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/careerstream/careerstream/internal/secret"
)

// keyPoll is how often the file of the API key is read again. Its content is
// compared, not its time: a mounted secret is swapped by a symbolic link.
const keyPoll = 30 * time.Second

// watchKey passes on each new API key to set until ctx ends: every keyPoll, and
// when p.Hangup says so at once. A key that can't be read or that set refuses is
// logged once, and the one in use stays.
func watchKey(ctx context.Context, key secret.String, p Process, set func(secret.String) error) {
	w := keyWatch{process: p, set: set, key: key}
	var tick <-chan time.Time // never, where the key is in no file
	if p.ReloadKey != nil {
		ticker := time.NewTicker(keyPoll)
		defer ticker.Stop()
		tick = ticker.C
	}
	hangup := p.Hangup
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick:
			w.look(false)
		case _, open := <-hangup:
			if !open {
				hangup = nil
				continue
			}
			w.look(true)
		}
	}
}

// keyWatch is what a watch knows.
type keyWatch struct {
	process Process
	set     func(secret.String) error
	// key is the one in use, refused the last one that can't be used; broken says
	// that the file could not be read the last time.
	key, refused secret.String
	broken       bool
}

// look reads the key and uses it if it is new. asked says that somebody waits for
// an answer, so there is one even where there is nothing new.
func (w *keyWatch) look(asked bool) {
	log := w.process.Log
	if w.process.ReloadKey == nil {
		log.Warn("asked for a new API key, and there is no file to read it from: set JOBO_API_KEY_FILE instead of JOBO_API_KEY")
		return
	}
	key, err := w.process.ReloadKey()
	if err != nil {
		if !w.broken || asked {
			log.Warn("JOBO_API_KEY_FILE can't be read again, the old API key stays in use", zap.Error(err))
		}
		w.broken = true
		return
	}
	w.broken = false
	switch {
	case key == w.key:
		w.refused = secret.String{}
		if asked {
			log.Info("the API key has not changed")
		}
		return
	case key == w.refused && !asked:
		return
	}
	if err := w.set(key); err != nil {
		w.refused = key
		log.Warn("the new API key is refused, the old one stays in use", zap.Error(err))
		return
	}
	w.key, w.refused = key, secret.String{}
	log.Info("a new API key is in use")
}
