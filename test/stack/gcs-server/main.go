// A Google Cloud Storage emulator for tests: fake-gcs-server, with the preconditions on delete, update and copy
// that its release 1.56.1 does not read. Remove this once a release honours them itself.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/signal"
	"regexp"
	"strconv"
	"sync"
	"syscall"

	"github.com/fsouza/fake-gcs-server/fakestorage"
)

var (
	object = regexp.MustCompile(`^(/storage/v1/b/[^/]+/o/[^/]+)$`)
	copied = regexp.MustCompile(`^/storage/v1/b/[^/]+/o/[^/]+/(?:rewriteTo|copyTo)(/b/[^/]+/o/[^/]+)$`)
)

// preconditions makes each change wait for the one before it, so that nothing comes between check and change.
type preconditions struct {
	storage http.Handler
	changes sync.Mutex
}

func (p *preconditions) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		p.storage.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	p.changes.Lock()
	defer p.changes.Unlock()
	if target, mayBeAbsent := changedObject(r); target == "" || p.hold(target, mayBeAbsent, r.URL.Query()) {
		p.storage.ServeHTTP(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusPreconditionFailed)
	const message = "At least one of the pre-conditions you specified did not hold."
	json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{
		"code":    http.StatusPreconditionFailed,
		"message": message,
		"errors": []map[string]string{{
			"message": message, "domain": "global", "reason": "conditionNotMet",
			"locationType": "header", "location": "If-Match",
		}},
	}})
}

// changedObject is the path of the object that a request changes outside of an upload, or empty.
func changedObject(r *http.Request) (target string, mayBeAbsent bool) {
	path := r.URL.EscapedPath()
	if match := copied.FindStringSubmatch(path); match != nil {
		return "/storage/v1" + match[1], true
	}
	if match := object.FindStringSubmatch(path); match != nil && r.Method != http.MethodPost {
		return match[1], false
	}
	return "", false
}

// hold tells whether the live object meets the conditions. An absent object has generation 0, but where it may
// not be absent the storage itself is left to answer 404, as the real one does before it looks at conditions.
func (p *preconditions) hold(path string, mayBeAbsent bool, query url.Values) bool {
	var live struct {
		Generation     int64 `json:",string"`
		Metageneration int64 `json:",string"`
	}
	answer := httptest.NewRecorder()
	p.storage.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
	if answer.Code == http.StatusOK {
		if err := json.Unmarshal(answer.Body.Bytes(), &live); err != nil {
			return false
		}
	} else if !mayBeAbsent {
		return true
	}
	conditions := []struct {
		name   string
		actual int64
		equal  bool
	}{
		{"ifGenerationMatch", live.Generation, true},
		{"ifGenerationNotMatch", live.Generation, false},
		{"ifMetagenerationMatch", live.Metageneration, true},
		{"ifMetagenerationNotMatch", live.Metageneration, false},
	}
	for _, condition := range conditions {
		if wanted := query.Get(condition.name); wanted != "" {
			number, err := strconv.ParseInt(wanted, 10, 64)
			if err != nil || (number == condition.actual) != condition.equal {
				return false
			}
		}
	}
	return true
}

func main() {
	address := flag.String("address", "127.0.0.1:4443", "host and port to listen on")
	root := flag.String("root", "", "directory of the objects; in memory when empty")
	flag.Parse()
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		log.Fatal(err)
	}
	storage, err := fakestorage.NewServerWithOptions(fakestorage.Options{
		StorageRoot: *root,
		Scheme:      "http",
		NoListener:  true,
		ExternalURL: "http://" + *address,
		Writer:      io.Discard,
	})
	if err != nil {
		log.Fatal(err)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM)
	go func() { log.Fatal(http.Serve(listener, &preconditions{storage: storage.HTTPHandler()})) }()
	<-stop
}
