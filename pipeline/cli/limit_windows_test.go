package cli

func limitFiles() {}
