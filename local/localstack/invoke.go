package localstack

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/idempotent-requests/idempotent-requests/local/localstack/lambda"
)

// invokePath begins the paths of Lambda's own API. No template's route does.
const invokePath = "/2015-03-31/functions/"

// invokeAPI serves Lambda's Invoke operation beside next, so that functions can be
// sent any event, by the AWS CLI or an SDK:
// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
//
// A function is known by its name and by its handler, which is easier to type.
func (s *Stack) invokeAPI(next http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+invokePath+"{function}/invocations", s.serveInvoke)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, invokePath) {
			mux.ServeHTTP(w, r)
			return
		}
		if r.Method == http.MethodPost && strings.HasPrefix(r.Header.Get("X-Amz-Target"), sqsTarget) {
			s.serveQueues(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// ofWebPage reports whether a browser sends the request on behalf of a page.
func ofWebPage(r *http.Request) bool {
	return r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Site") != ""
}

func (s *Stack) serveInvoke(w http.ResponseWriter, r *http.Request) {
	// Lambda wants a signature. Here it is enough that no web page can ask, which
	// a browser would have done for it from anywhere.
	if ofWebPage(r) {
		refuseInvoke(w, http.StatusForbidden, "AccessDeniedException", "functions are not invoked by web pages")
		return
	}
	if kind := r.Header.Get("X-Amz-Invocation-Type"); kind != "" && kind != "RequestResponse" {
		refuseInvoke(w, http.StatusBadRequest, "InvalidParameterValueException", fmt.Sprintf("the invocation type %q is not served: only RequestResponse is", kind))
		return
	}
	asked := r.PathValue("function")
	i := slices.IndexFunc(s.plan.functions, func(f function) bool { return f.name == asked || f.props.Handler == asked })
	if i < 0 {
		refuseInvoke(w, http.StatusNotFound, "ResourceNotFoundException",
			fmt.Sprintf("there is no function %q: there are %s", asked, strings.Join(s.Handlers(), ", ")))
		return
	}
	event, err := io.ReadAll(http.MaxBytesReader(w, r.Body, lambda.MaxPayload))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		err = lambda.ErrEventTooLarge
	}
	if err == nil && len(event) == 0 {
		event = []byte("{}") // as Lambda has it
	}
	if err == nil && !json.Valid(event) {
		refuseInvoke(w, http.StatusBadRequest, "InvalidRequestContentException", "the event is not JSON")
		return
	}
	var answer []byte
	if err == nil {
		answer, err = s.functions.Invoke(r.Context(), s.plan.functions[i].name, event)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Amz-Executed-Version", "$LATEST")
	var failed *lambda.FunctionError
	var dead *lambda.InitError
	switch {
	case err == nil:
		_, _ = w.Write(answer)
	case errors.As(err, &failed):
		h.Set("X-Amz-Function-Error", "Unhandled")
		writeJSON(w, http.StatusOK, map[string]string{"errorType": failed.Type, "errorMessage": failed.Message})
	case errors.As(err, &dead):
		h.Set("X-Amz-Function-Error", "Unhandled")
		writeJSON(w, http.StatusOK, map[string]string{"errorType": "Runtime.ExitError", "errorMessage": dead.Error()})
	case errors.Is(err, lambda.ErrEventTooLarge):
		refuseInvoke(w, http.StatusRequestEntityTooLarge, "RequestTooLargeException", err.Error())
	case errors.Is(err, lambda.ErrThrottled):
		refuseInvoke(w, http.StatusTooManyRequests, "TooManyRequestsException", err.Error())
	default:
		refuseInvoke(w, http.StatusInternalServerError, "ServiceException", err.Error())
	}
}

// refuseInvoke answers as AWS's REST APIs do, so that the CLI can tell why.
func refuseInvoke(w http.ResponseWriter, status int, kind, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amzn-Errortype", kind)
	writeJSON(w, status, map[string]string{"Type": "User", "Message": message})
}

func writeJSON(w http.ResponseWriter, status int, document map[string]string) {
	text, _ := json.Marshal(document) // strings always encode
	w.WriteHeader(status)
	_, _ = w.Write(text)
}
