// Command sdk links the AWS SDK's client of DynamoDB, as a program does that uses
// dynamostore, and nothing of ours.
package main

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

func main() {
	ctx := context.Background()
	cfg, err := config.LoadDefaultConfig(ctx)
	fmt.Println(err)
	client := dynamodb.NewFromConfig(cfg)
	fmt.Println(client.PutItem(ctx, &dynamodb.PutItemInput{}))
	fmt.Println(client.GetItem(ctx, &dynamodb.GetItemInput{}))
	fmt.Println(client.DeleteItem(ctx, &dynamodb.DeleteItemInput{}))
	fmt.Println(client.UpdateItem(ctx, &dynamodb.UpdateItemInput{}))
}
