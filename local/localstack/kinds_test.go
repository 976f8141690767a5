package localstack

import "testing"

func TestEveryKindIsDeployedOrAcceptedForAReason(t *testing.T) {
	t.Parallel()
	for name, k := range kinds() {
		if (k.plan != nil) == (k.accepted != "") {
			t.Errorf("%s: deployed %v, accepted because %q: it must be one of them", name, k.plan != nil, k.accepted)
		}
	}
}
