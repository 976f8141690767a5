package dynamolocal

// actionsOf returns what an IAM policy has to allow for a call. There is no
// permission for a transaction: it needs those of its parts.
func actionsOf(operation string, in request) []TableAction {
	var actions []TableAction
	allow := func(action string, tables []string) {
		for _, table := range tables {
			actions = append(actions, TableAction{Action: action, Table: table})
		}
	}
	switch in := in.(type) {
	case transactWriteItemsInput:
		for _, item := range in.TransactItems {
			switch {
			case item.ConditionCheck != nil:
				allow("ConditionCheckItem", item.ConditionCheck.tables())
			case item.Put != nil:
				allow("PutItem", item.Put.tables())
			case item.Delete != nil:
				allow("DeleteItem", item.Delete.tables())
			case item.Update != nil:
				allow("UpdateItem", item.Update.tables())
			}
		}
	case transactGetItemsInput:
		allow("GetItem", in.tables())
	default:
		allow(operation, in.tables())
	}
	return actions
}
