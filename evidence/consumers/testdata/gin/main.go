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
	protect := idempotency.Must(idemgin.New(idemhttp.Config{Store: memstore.New(), Operation: "payments.create", Scope: idemhttp.BasicAuthScope}))

	router := gin.Default()
	router.POST("/payments", protect, func(c *gin.Context) {
		c.String(http.StatusCreated, "charge %d\n", charges.Add(1)) // the effect that must happen once
	})
	log.Fatal(router.Run("localhost:8080"))
}
