package main

import (
	"fmt"
	"log"
	"net/http"
	"sync/atomic"

	"github.com/labstack/echo/v5"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemecho"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
)

var charges atomic.Int64

func main() {
	protect := idempotency.Must(idemecho.New(idemhttp.Config{Store: memstore.New(), Operation: "payments.create", Scope: idemhttp.BasicAuthScope}))

	e := echo.New()
	e.POST("/payments", func(c *echo.Context) error {
		return c.String(http.StatusCreated, fmt.Sprintf("charge %d\n", charges.Add(1))) // the effect that must happen once
	}, protect)
	log.Fatal(e.Start("localhost:8080"))
}
