package phrase

var spanish = Book{
	Language: "es", open: "«", close: "»", and: " y ", comma: ", ",
	phrases: map[Key][]string{
		PassKeyPlant: {"La contraseña es %[1]s. Recuérdela: %[1]s es la contraseña."},
		PassKey: {
			"¿Qué contraseña indica el texto dado?",
			"En algún lugar del texto dado hay una contraseña. ¿Cuál es?",
		},
		PassKeyIs: {"La contraseña es %s.", "Es %s."},
		Value: {
			"¿Qué valor da el texto para la clave %s?",
			"Busque la clave %s en el texto dado: ¿cuál es su valor?",
		},
		ValueIs:     {"El valor de %s es %s.", "Para %s, el texto da %s."},
		NumberPlant: {"Uno de los números mágicos de %s es %s."},
		Number: {
			"¿Cuál es el número mágico de %s en el texto dado?",
			"¿Qué número mágico nombra el texto para %s?",
		},
		NumberIs: {"El número mágico de %s es %s."},
		Numbers: {
			"¿Cuáles son todos los números mágicos de %s en el texto dado? Nómbrelos en el orden en que " +
				"aparecen.",
			"En el texto dado hay varios números mágicos de %s. Enumérelos todos, en orden.",
		},
		NumbersAre: {"Los números mágicos de %s son %s."},
		NumberEach: {
			"¿Cuáles son los números mágicos de %s en el texto dado?",
			"Busque los números mágicos de %s en el texto dado.",
		},
		NumberPairs: {"Los números mágicos son: %s."},
		Variables: {
			"En el texto dado, las líneas que empiezan por VAR asignan valores. ¿Qué variables tienen el " +
				"valor %s, directamente o a través de otras variables? Nómbrelas en el orden de su asignación.",
			"Siga las líneas VAR del texto dado: enumere, en orden, todas las variables que tienen el valor " +
				"%s.",
		},
		VariableAre: {"Las variables con el valor %s son %s."},
		WordCount: {
			"¿Cuántas veces aparece la palabra %s en el texto dado, escrita exactamente así?",
			"Cuente las apariciones de la palabra %s, con esta grafía exacta, en el texto dado.",
		},
		WordTimes: {"La palabra %s aparece %d veces.", "%s aparece %d veces en el texto dado."},
		WordMost: {
			"¿Cuál de las palabras %s aparece más a menudo en el texto dado, y cuántas veces?",
			"De las palabras %s, ¿cuál es la más frecuente en el texto dado? Diga cuántas veces aparece.",
		},
		WordWins: {
			"%s es la que aparece más a menudo: %d veces.", "La más frecuente es %s, que aparece %d veces.",
		},
		Section: {
			"¿Bajo qué título del texto dado está esta frase?: %s",
			"En el texto dado, ¿qué título precede a esta frase?: %s",
		},
		SectionIs: {"Está bajo %s.", "La frase está bajo el título %s."},
		Headings: {
			"¿En qué orden vienen los títulos %s en el texto dado?",
			"Ponga los títulos %s en el orden en que los presenta el texto dado.",
		},
		Passages: {
			"¿En qué orden vienen estos pasajes en el texto dado?\n%s",
			"Ponga estos pasajes en el orden en que los presenta el texto dado.\n%s",
		},
		InSequence: {"Primero viene %s, luego %s, luego %s y por último %s."},
		Speaker: {
			"¿Quién dice esto?: %s",
			"En el texto dado, ¿quién pronuncia estas palabras?: %s",
		},
		SpeakerIs:   {"Lo dice %s.", "Quien habla es %s."},
		ReferenceNo: {"¿Qué número tiene esta obra en la lista de referencias?: %s"},
		ReferenceIs: {"Es la referencia número %d.", "La obra tiene el número %d."},
		Work: {
			"¿Qué obra tiene el número %d en la lista de referencias?",
			"¿A qué remite la cita [%d]?",
		},
		WorkIs: {"El número %d es %s."},
		Cited: {
			"¿Qué obra cita esta frase?: %s",
			"En el texto dado, ¿qué obra se cita en esta frase?: %s",
		},
		Cell: {
			"En la tabla que tiene una fila %s y una columna %s, ¿qué figura en esa fila y esa columna?",
			"Busque la fila %s y la columna %s en la tabla: ¿cuál es la entrada?",
		},
		CellIs: {"La entrada es %s.", "Ahí figura %s."},
		Origin: {
			"¿En cuál de los documentos dados está esta frase?: %s",
			"¿Cuál de los documentos dados contiene esta frase?: %s",
		},
		OriginIs: {"Está en %s.", "El documento es %s."},
		Absent: {
			"El texto dado no lo dice: %s no aparece en él.",
			"No se puede responder con el texto dado, en el que no aparece %s.",
		},
		AbsentNumber: {"El texto dado no lo dice: su lista de referencias no tiene el número %d."},
	},
}
