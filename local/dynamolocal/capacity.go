package dynamolocal

import (
	"maps"
	"slices"
)

// Bytes that a unit of capacity reads or writes.
const (
	readUnitBytes  = 4096
	writeUnitBytes = 1024
)

// transactionFactor is how many times the units of other operations those of a
// transaction cost.
const transactionFactor = 2

// readUnits returns the units that a read of size bytes costs. Nothing costs as
// much as the first bytes.
func readUnits(size int, consistent bool) float64 {
	units := float64(max(1, (size+readUnitBytes-1)/readUnitBytes))
	if !consistent {
		units /= 2
	}
	return units
}

// writeUnits returns the units that a write costs of an item of old bytes that
// has then size bytes; either is 0 for an item that does not exist.
func writeUnits(old, size int) float64 {
	return float64(max(1, (max(old, size)+writeUnitBytes-1)/writeUnitBytes))
}

// usage is the capacity that a request consumes, by table in the order of first
// use.
type usage struct {
	// split reports whether units read and written are reported apart, as for
	// transactions.
	split  bool
	tables []*tableUsage
}

// tableUsage is the capacity consumed of a table and of its indexes.
type tableUsage struct {
	table  string
	own    units
	local  map[string]units
	global map[string]units
}

type units struct{ read, write float64 }

func (u units) total() float64 { return u.read + u.write }

func (u units) plus(v units) units { return units{read: u.read + v.read, write: u.write + v.write} }

func (u *usage) of(table string) *tableUsage {
	at := slices.IndexFunc(u.tables, func(t *tableUsage) bool { return t.table == table })
	if at >= 0 {
		return u.tables[at]
	}
	added := &tableUsage{table: table}
	u.tables = append(u.tables, added)
	return added
}

// add counts units of the table itself.
func (u *usage) add(table string, consumed units) {
	t := u.of(table)
	t.own = t.own.plus(consumed)
}

// addIndex counts units of an index of the table.
func (u *usage) addIndex(table string, on *index, consumed units) {
	if consumed == (units{}) {
		return
	}
	t := u.of(table)
	arms := &t.local
	if on.global {
		arms = &t.global
	}
	if *arms == nil {
		*arms = make(map[string]units)
	}
	(*arms)[on.name] = (*arms)[on.name].plus(consumed)
}

// total returns the units of the table with its indexes.
func (t *tableUsage) total() units {
	total := t.own
	for _, arms := range []map[string]units{t.local, t.global} {
		for _, consumed := range arms {
			total = total.plus(consumed)
		}
	}
	return total
}

// capacityUnits is the representation of units in answers.
type capacityUnits struct {
	CapacityUnits      float64
	ReadCapacityUnits  *float64 `json:",omitempty"`
	WriteCapacityUnits *float64 `json:",omitempty"`
}

// consumedCapacity is the representation of a table's usage in answers.
type consumedCapacity struct {
	TableName string
	capacityUnits
	Table                  *capacityUnits           `json:",omitempty"`
	LocalSecondaryIndexes  map[string]capacityUnits `json:",omitempty"`
	GlobalSecondaryIndexes map[string]capacityUnits `json:",omitempty"`
}

// report returns the usage as the request's ReturnConsumedCapacity wants it, nil
// if it does not.
func (u *usage) report(wanted string) []consumedCapacity {
	if wanted != capacityTotal && wanted != capacityIndexes {
		return nil
	}
	reports := make([]consumedCapacity, len(u.tables))
	for i, t := range u.tables {
		reports[i] = consumedCapacity{TableName: t.table, capacityUnits: u.represent(t.total())}
		if wanted == capacityIndexes {
			own := u.represent(t.own)
			reports[i].Table = &own
			reports[i].LocalSecondaryIndexes = u.representAll(t.local)
			reports[i].GlobalSecondaryIndexes = u.representAll(t.global)
		}
	}
	return reports
}

// reportOne is report for operations on a single table.
func (u *usage) reportOne(wanted string) *consumedCapacity {
	reports := u.report(wanted)
	if len(reports) == 0 {
		return nil
	}
	return &reports[0]
}

func (u *usage) represent(consumed units) capacityUnits {
	represented := capacityUnits{CapacityUnits: consumed.total()}
	if u.split && consumed.read > 0 {
		represented.ReadCapacityUnits = &consumed.read
	}
	if u.split && consumed.write > 0 {
		represented.WriteCapacityUnits = &consumed.write
	}
	return represented
}

func (u *usage) representAll(arms map[string]units) map[string]capacityUnits {
	if len(arms) == 0 {
		return nil
	}
	represented := make(map[string]capacityUnits, len(arms))
	for _, name := range slices.Sorted(maps.Keys(arms)) {
		represented[name] = u.represent(arms[name])
	}
	return represented
}
