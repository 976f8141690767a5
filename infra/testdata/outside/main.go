// Somebody's CDK app, which has a table of idempotency records already and adds
// a queue whose orders are placed once.
package main

import (
	"log"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/jsii-runtime-go"

	"github.com/idempotent-requests/idempotent-requests/infra/construct"
)

func main() {
	defer jsii.Close()
	app := awscdk.NewApp(nil)
	stack := awscdk.NewStack(app, jsii.String("Shop"), nil)
	table := awsdynamodb.Table_FromTableName(stack, jsii.String("Records"), jsii.String("shop-idempotency"))
	if err := addOrders(stack, table); err != nil {
		log.Fatal(err)
	}
	app.Synth(nil)
}

// addOrders adds the queue and its consumer.
func addOrders(stack awscdk.Stack, table awsdynamodb.ITable) error {
	orders, err := construct.NewIdempotentFunction(stack, "Orders", construct.IdempotentFunctionProps{
		GoFunctionProps: construct.GoFunctionProps{Name: "orders", Code: "build/orders", Tracing: true},
		Records:         construct.FromTable(table),
		Window:          24 * time.Hour,
	})
	if err != nil {
		return err
	}
	queue, err := construct.NewIdempotentQueueConsumer(stack, "OrderQueue", construct.IdempotentQueueConsumerProps{Function: orders.GoFunction})
	if err != nil {
		return err
	}
	construct.NewAlarms(stack).AddQueue("OrderQueue", queue, 10*time.Minute)
	return nil
}
