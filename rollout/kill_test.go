package rollout

func becomeSaver() bool { return false }
