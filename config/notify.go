package config

func notifyEvents() []string {
	return []string{"started", "stage", "approval", "paused", "resumed", "promoted", "rollback", "aborted", "trip", "restore", "verdict", "alert"}
}

func notifyKind() kind[Notify] {
	on := list(choice[string](notifyEvents()...), 1)
	return unseen(mapping(Notify{On: []string{"promoted", "rollback", "alert"}},
		needs("type", "Form of the message.", choice[string]("slack", "teams", "discord", "webhook", "cloudevents"), func(n *Notify) *string { return &n.Type }),
		needs("url", "Where the POST goes; kept secret.", secret(webhookURL), func(n *Notify) *Secret { return &n.URL }),
		has("on", "Events that are told. Default promoted, rollback and alert.", on, func(n *Notify) *[]string { return &n.On }),
	), "a mapping with type, url, on")
}
