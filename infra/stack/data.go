package stack

import "github.com/idempotent-requests/idempotent-requests/infra/construct"

// addData adds the two tables: the records of the idempotency package, and
// what the demo itself stores (customers, payments, the charges ledger, the
// executions that prove the point). They are apart because they are apart in a
// real system: a service brings its own data to an idempotency table that it
// may share with others.
func (s *Stack) addData() {
	s.records = construct.NewIdempotencyTable(s.stack, "Idempotency", construct.IdempotencyTableProps{
		Retain:     s.settings.Retain,
		Protection: s.settings.Protection,
		Backups:    s.settings.Backups,
		MaxUnits:   s.settings.MaxUnits,
	})
	// Time to live here as well: entries are deleted after the retention that the
	// functions are told.
	s.data = construct.NewTable(s.stack, "Data", construct.TableProps{
		PartitionKey: "pk",
		SortKey:      "sk",
		TimeToLive:   "expiration",
		Retain:       s.settings.Retain,
		Protection:   s.settings.Protection,
		Backups:      s.settings.Backups,
		MaxUnits:     s.settings.MaxUnits,
	})
	s.output("IdempotencyTableName", "The table of idempotency records", s.records.Table.TableName())
	s.output("DataTableName", "The table of the application's own data", s.data.TableName())
}
