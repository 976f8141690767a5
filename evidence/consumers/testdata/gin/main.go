package main

import (
	"log"
	"net/http"
	"sync/atomic"

	"github.com/gin-gonic/gin"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemgin"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
)

var charges atomic.Int64

func main() {
	guard := idempotency.Must(idempotency.New(idempotency.Config{Store: memstore.New()}))
	protect := idempotency.Must(idemgin.New(idemhttp.Config{Guard: guard, Operation: "payments.create", Scope: caller}))

	router := gin.Default()
	router.POST("/payments", protect, func(c *gin.Context) {
		c.String(http.StatusCreated, "charge %d\n", charges.Add(1)) // the effect that must happen once
	})
	log.Fatal(router.Run("localhost:8080"))
}

func caller(r *http.Request) (idempotency.Scope, error) {
	user, _, _ := r.BasicAuth() // checked by the middleware before
	return idempotency.NewScope(user)
}
