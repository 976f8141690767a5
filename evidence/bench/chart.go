package main

import (
	"bytes"
	"fmt"
	"math"
	"slices"
)

// bar is one figure of a panel, and panel figures that can be compared.
type bar struct {
	name  string
	value float64
}

type panel struct {
	title, unit string
	bars        []bar
}

func (b *bench) panels() []panel {
	cpu := func(path string) []bar {
		var bars []bar
		for _, subject := range []string{"http", "sdk", "ours", "ours-tuned", "powertools"} {
			if f := b.results.loops[what{subject, path, 1, small}]; f != nil {
				bars = append(bars, bar{names[subject], f.cpu.median() / 1e3})
			}
		}
		return bars
	}
	var starts, memory []bar
	for _, s := range []struct{ name, label string }{
		{"empty", "empty Go function"}, {"ours, first call", "ours"}, {"powertools, first call", names["powertools"]},
	} {
		if f := b.results.starts[s.name]; f != nil {
			starts = append(starts, bar{s.label, f.toAnswer.median() / 1e6})
			memory = append(memory, bar{s.label, f.memory.median() / 1e6})
		}
	}
	return []panel{
		{"CPU time of a first call", "µs", cpu("first")},
		{"CPU time of a replay", "µs", cpu("replay")},
		{"Cold start, to the first answer", "ms", starts},
		{"Resident memory", "MB", memory},
	}
}

const (
	chartWidth = 760
	labelWidth = 190
	barWidth   = 470
	barHeight  = 18
	barStep    = 24
	panelGap   = 34
	topGap     = 20
)

// chart draws the main figures, in the reader's colours.
func (b *bench) chart() []byte {
	var body bytes.Buffer
	y := topGap
	for _, p := range b.panels() {
		y += 14
		fmt.Fprintf(&body, "<text class=\"title\" x=\"16\" y=\"%d\">%s, %s</text>\n", y, p.title, p.unit)
		y += 12
		most := 0.0
		if len(p.bars) > 0 {
			most = slices.MaxFunc(p.bars, func(a, b bar) int { return int(math.Copysign(1, a.value-b.value)) }).value
		}
		for _, bar := range p.bars {
			class := "other"
			if len(bar.name) >= 4 && bar.name[:4] == "ours" {
				class = "ours"
			}
			width := max(1, bar.value/most*barWidth)
			fmt.Fprintf(&body, "<text class=\"label\" x=\"%d\" y=\"%d\">%s</text>\n", labelWidth-8, y+13, bar.name)
			fmt.Fprintf(&body, "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" rx=\"3\"/>\n", class, labelWidth, y, width, barHeight)
			fmt.Fprintf(&body, "<text x=\"%.1f\" y=\"%d\">%s</text>\n", labelWidth+width+8, y+13, number(bar.value))
			y += barStep
		}
		y += panelGap - 14
	}
	return fmt.Appendf(nil, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-labelledby="title">
<title id="title">CPU time of first calls and replays, cold starts and memory: shorter is better. The figures are in the tables.</title>
<style>
svg { font: 13px system-ui, sans-serif; fill: #16191d }
.ground { fill: #ffffff } .title { font-weight: 600 } .label { text-anchor: end; fill: #59626d } .other { fill: #aab3bd } .ours { fill: #4646c6 }
@media (prefers-color-scheme: dark) {
svg { fill: #e8ebee }
.ground { fill: #14171a } .label { fill: #a6afb9 } .other { fill: #56606b } .ours { fill: #9b9bf2 }
}
</style>
<rect class="ground" width="%d" height="%d" rx="8"/>
%s</svg>
`, chartWidth, y, chartWidth, y, body.Bytes())
}
