package phrase

var german = Book{
	Language: "de", open: "„", close: "“", and: " und ", comma: ", ",
	phrases: map[Key][]string{
		PassKeyPlant: {"Das Kennwort ist %[1]s. Merken Sie es sich: %[1]s ist das Kennwort."},
		PassKey: {
			"Welches Kennwort nennt der vorliegende Text?",
			"Irgendwo im vorliegenden Text steht ein Kennwort. Wie lautet es?",
		},
		PassKeyIs: {"Das Kennwort ist %s.", "Es lautet %s."},
		Value: {
			"Welchen Wert gibt der Text für den Schlüssel %s an?",
			"Schlagen Sie den Schlüssel %s im vorliegenden Text nach: Welchen Wert hat er?",
		},
		ValueIs:     {"Der Wert von %s ist %s.", "Für %s gibt der Text %s an."},
		NumberPlant: {"Eine der magischen Zahlen für %s ist %s."},
		Number: {
			"Wie lautet die magische Zahl für %s im vorliegenden Text?",
			"Welche magische Zahl nennt der Text für %s?",
		},
		NumberIs: {"Die magische Zahl für %s ist %s."},
		Numbers: {
			"Wie lauten alle magischen Zahlen für %s im vorliegenden Text? Nennen Sie sie in der " +
				"Reihenfolge, in der sie vorkommen.",
			"Im vorliegenden Text stehen mehrere magische Zahlen für %s. Zählen Sie alle der Reihe nach auf.",
		},
		NumbersAre: {"Die magischen Zahlen für %s sind %s."},
		NumberEach: {
			"Wie lauten die magischen Zahlen für %s im vorliegenden Text?",
			"Suchen Sie die magischen Zahlen für %s im vorliegenden Text.",
		},
		NumberPairs: {"Die magischen Zahlen sind: %s."},
		Variables: {
			"Zeilen, die mit VAR beginnen, weisen im vorliegenden Text Werte zu. Welche Variablen haben den " +
				"Wert %s, unmittelbar oder über andere Variablen? Nennen Sie sie in der Reihenfolge ihrer " +
				"Zuweisung.",
			"Folgen Sie den VAR-Zeilen im vorliegenden Text: Zählen Sie der Reihe nach jede Variable auf, die " +
				"den Wert %s hat.",
		},
		VariableAre: {"Die Variablen mit dem Wert %s sind %s."},
		WordCount: {
			"Wie oft kommt das Wort %s im vorliegenden Text vor, genau so geschrieben?",
			"Zählen Sie, wie oft das Wort %s in genau dieser Schreibung im vorliegenden Text vorkommt.",
		},
		WordTimes: {"Das Wort %s kommt %d-mal vor.", "%s kommt im vorliegenden Text %d-mal vor."},
		WordMost: {
			"Welches der Wörter %s kommt im vorliegenden Text am häufigsten vor, und wie oft?",
			"Welches der Wörter %s ist im vorliegenden Text das häufigste? Geben Sie an, wie oft es vorkommt.",
		},
		WordWins: {"%s kommt am häufigsten vor: %d-mal.", "Am häufigsten ist %s, das %d-mal vorkommt."},
		Section: {
			"Unter welcher Überschrift des vorliegenden Textes steht dieser Satz: %s",
			"Welche Überschrift steht im vorliegenden Text über diesem Satz: %s",
		},
		SectionIs: {"Er steht unter %s.", "Der Satz steht unter der Überschrift %s."},
		Headings: {
			"In welcher Reihenfolge kommen die Überschriften %s im vorliegenden Text?",
			"Bringen Sie die Überschriften %s in die Reihenfolge des vorliegenden Textes.",
		},
		Passages: {
			"In welcher Reihenfolge kommen diese Stellen im vorliegenden Text?\n%s",
			"Bringen Sie diese Stellen in die Reihenfolge des vorliegenden Textes.\n%s",
		},
		InSequence: {"Zuerst kommt %s, dann %s, dann %s und zuletzt %s."},
		Speaker: {
			"Wer sagt dies: %s",
			"Wer spricht im vorliegenden Text diese Worte: %s",
		},
		SpeakerIs:   {"%s sagt es.", "Es spricht %s."},
		ReferenceNo: {"Welche Nummer hat dieses Werk im Literaturverzeichnis: %s"},
		ReferenceIs: {"Es ist die Nummer %d.", "Das Werk hat im Literaturverzeichnis die Nummer %d."},
		Work: {
			"Welches Werk hat im Literaturverzeichnis die Nummer %d?",
			"Worauf verweist der Beleg [%d]?",
		},
		WorkIs: {"Nummer %d ist %s."},
		Cited: {
			"Welches Werk zitiert dieser Satz: %s",
			"Welches Werk wird im vorliegenden Text in diesem Satz zitiert: %s",
		},
		Cell: {
			"Was steht in der Tabelle mit einer Zeile %s und einer Spalte %s in dieser Zeile und Spalte?",
			"Schlagen Sie die Zeile %s und die Spalte %s in der Tabelle nach: Wie lautet der Eintrag?",
		},
		CellIs: {"Der Eintrag lautet %s.", "Dort steht %s."},
		Origin: {
			"In welchem der vorliegenden Dokumente steht dieser Satz: %s",
			"Welches der vorliegenden Dokumente enthält diesen Satz: %s",
		},
		OriginIs: {"Er steht in %s.", "Das Dokument ist %s."},
		Absent: {
			"Das sagt der vorliegende Text nicht: %s kommt darin nicht vor.",
			"Das lässt sich aus dem vorliegenden Text nicht beantworten, denn %s kommt darin nicht vor.",
		},
		AbsentNumber: {"Das sagt der vorliegende Text nicht: Sein Literaturverzeichnis hat keine Nummer %d."},
	},
}
